"""What the JSON routes take and give. The OpenAPI document is made from these models and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from camproxy.control.pan_tilt import Limits
from camproxy.errors import BadRequest
from camproxy.links import scheme_of, without_password
from camproxy.messages import Angle, CameraKey, Direction, Name, Rate, Step, Switch, printable
from camproxy.web.announcer import control_state
from camproxy.web.services import services
from models import ApiToken, AuditEvent, Camera, LoginSession, Preset, User

Level = Literal["none", "view", "control"]
Role = Literal["viewer", "operator", "admin"]


def camera_address(url: str) -> str:
    try:
        scheme_of(url)
    except BadRequest as error:
        raise ValueError(error.message) from None
    return url


PresetName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), AfterValidator(printable)
]
Url = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(camera_address)
]
Password = Annotated[str, StringConstraints(min_length=8, max_length=200)]
RowNumber = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Fps = Annotated[int, Field(strict=True, ge=1, le=25)]


class Body(BaseModel):
    # A misspelt field in a change would be believed to be done.
    model_config = ConfigDict(extra="forbid")

    def changes(self) -> dict[str, Any]:
        """Only what was really sent."""
        return self.model_dump(exclude_unset=True)


class Answer(BaseModel):
    pass


# Cameras


class LimitsModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    x: tuple[Angle, Angle] = (0, 180)
    y: tuple[Angle, Angle] = (0, 180)

    def checked(self) -> Limits:
        return Limits(self.x, self.y)


def rising(limits: LimitsModel) -> LimitsModel:
    limits.checked()
    return limits


CheckedLimits = Annotated[LimitsModel, AfterValidator(rising)]


class CameraIn(Body):
    name: Name
    url: Url
    pico: RowNumber | None = None
    fps: Fps = 10
    enabled: Switch = True
    has_head: Switch = True
    has_light: Switch = True
    everyone: Level = "view"
    limits: CheckedLimits = LimitsModel()


class CameraChange(Body):
    name: Name | None = None
    url: Url | None = None
    pico: RowNumber | None = None
    fps: Fps | None = None
    enabled: Switch | None = None
    has_head: Switch | None = None
    has_light: Switch | None = None
    everyone: Level | None = None
    limits: CheckedLimits | None = None


class CameraTest(Body):
    url: Url
    camera: CameraKey | None = None


class CameraTestResult(Answer):
    ok: bool
    milliseconds: int
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    reason: str | None = None
    detail: str | None = None


class CameraSettings(Answer):
    name: str
    url: str
    pico: int | None
    fps: int
    enabled: bool
    has_head: bool
    has_light: bool
    everyone: Level
    limits: LimitsModel


class Can(Answer):
    view: bool
    control: bool


class PresetOut(Answer):
    slot: int
    name: str
    x: int
    y: int


class PoseOut(Answer):
    x: int
    y: int


class FrameCounts(Answer):
    received: int
    not_a_jpeg: int
    truncated: int
    too_large: int
    absurd_dimensions: int


class CameraStatus(Answer):
    camera: int
    state: Literal["disabled", "connecting", "idle", "live", "stalled", "offline"]
    since: str
    retry_in: float | None
    reason: str | None
    detail: str | None
    fps: float
    viewers: int
    pose: PoseOut | None
    asked: PoseOut | None
    head_online: bool | None
    light: bool | None
    frames: FrameCounts


class ControlState(Answer):
    camera: int
    holder: str | None
    holder_id: int | None
    expires_in: float | None
    mine: bool
    asked_by: str | None


class CameraOut(Answer):
    id: int
    name: str
    slug: str
    can: Can
    head: bool
    light: bool
    limits: LimitsModel
    presets: list[PresetOut]
    status: CameraStatus
    control: ControlState
    settings: CameraSettings | None


class CameraList(Answer):
    items: list[CameraOut]


# Steering


class ServoBody(Body):
    command: Direction
    step: Step = 10


class PositionBody(Body):
    x: Angle
    y: Angle


class LightBody(Body):
    state: Switch


class ControlBody(Body):
    take_over: Switch = False


class Moved(Answer):
    ok: Literal[True]
    x: int | None = None
    y: int | None = None
    superseded: bool = False


class LightState(Answer):
    ok: Literal[True]
    state: bool
    superseded: bool = False


class PresetBody(Body):
    name: PresetName
    x: Angle | None = None
    y: Angle | None = None


class PresetList(Answer):
    items: list[PresetOut]


# People


class PermissionRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    camera: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
    level: Level | None


class PermissionsBody(Body):
    permissions: Annotated[list[PermissionRow], Field(max_length=1000)]


class PermissionOut(Answer):
    camera: int
    level: Level


class UserIn(Body):
    username: Name
    password: Password
    role: Role = "operator"
    is_active: Switch = True


class UserChange(Body):
    username: Name | None = None
    password: Password | None = None
    role: Role | None = None
    is_active: Switch | None = None


class UserOut(Answer):
    id: int
    username: str
    role: Role
    is_active: bool
    is_admin: bool
    created_at: datetime
    last_login_at: datetime | None
    permissions: list[PermissionOut]


class UserList(Answer):
    items: list[UserOut]


class MeOut(Answer):
    id: int
    username: str
    role: Role
    is_active: bool
    is_admin: bool
    created_at: datetime
    last_login_at: datetime | None
    language: str
    theme: Literal["system", "dark", "light"]
    default_camera: int | None
    step: int
    max_fps: float | None


class MeChange(Body):
    language: Annotated[str, StringConstraints(max_length=16)] | None = None
    theme: Literal["system", "dark", "light"] | None = None
    default_camera: CameraKey | None = None
    step: Step | None = None
    max_fps: Rate | None = None


class PasswordChange(Body):
    current: Annotated[str, StringConstraints(max_length=200)]
    new: Password


class TokenIn(Body):
    name: Name


class TokenOut(Answer):
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None
    token: str | None = Field(None, description="the token itself, shown this once")


class TokenList(Answer):
    items: list[TokenOut]


class SessionOut(Answer):
    """A browser in which one is logged in."""

    id: int
    created_at: datetime
    last_used_at: datetime | None = Field(description="to the minute")
    expires_at: datetime
    address: str
    agent: str = Field(description="what the browser calls itself")
    current: bool = Field(description="whether it is the one that asks")


class SessionList(Answer):
    items: list[SessionOut]


class AuditQuery(Body):
    before: int | None = Field(None, ge=1, le=2**62)


class AuditOut(Answer):
    """Something that somebody did. `subject` is the user, the camera or the token that it was done to."""

    id: int
    at: datetime
    who: str
    address: str
    action: str
    subject: str
    detail: str


class AuditList(Answer):
    items: list[AuditOut]
    before: int | None = Field(description="ask for this to get the page after; null on the last")


# Rows → answers


def preset_out(row: Preset) -> PresetOut:
    return PresetOut(slot=row.slot, name=row.name, x=row.x, y=row.y)


def camera_out(row: Camera, user: User, granted: str) -> CameraOut:
    """A camera as `user`, who has the level `granted`, may see it."""
    camera = services().cameras.get(row.id)
    limits = LimitsModel(x=(row.x_min, row.x_max), y=(row.y_min, row.y_max))
    return CameraOut(
        id=row.id,
        name=row.name,
        slug=row.slug,
        can=Can(view=granted != "none", control=granted == "control"),
        head=row.has_head and camera.steers,
        light=row.has_light and camera.steers,
        limits=limits,
        presets=[preset_out(preset) for preset in row.presets],
        status=CameraStatus.model_validate(camera.status()),
        control=ControlState.model_validate(control_state(camera, user.id)),
        settings=camera_settings(row, limits) if user.is_admin else None,
    )


def level_of(column: str) -> Level:
    return TypeAdapter(Level).validate_python(column)


def camera_settings(row: Camera, limits: LimitsModel) -> CameraSettings:
    return CameraSettings(
        name=row.name,
        url=without_password(row.url),
        pico=row.pico_id,
        fps=row.fps,
        enabled=row.enabled,
        has_head=row.has_head,
        has_light=row.has_light,
        everyone=level_of(row.everyone),
        limits=limits,
    )


def user_fields(row: User) -> dict[str, Any]:
    names = ("id", "username", "role", "is_active", "is_admin", "created_at", "last_login_at")
    return {name: getattr(row, name) for name in names}


def user_out(row: User) -> UserOut:
    permissions = [PermissionOut(camera=own.camera_id, level=level_of(own.level)) for own in row.permissions]
    return UserOut(**user_fields(row), permissions=permissions)


def me_out(row: User) -> MeOut:
    own = {name: getattr(row, name) for name in ("language", "theme", "step", "max_fps")}
    return MeOut(**user_fields(row), **own, default_camera=row.default_camera_id)


def token_out(row: ApiToken, text: str | None = None) -> TokenOut:
    return TokenOut(id=row.id, name=row.name, created_at=row.created_at, last_used_at=row.last_used_at, token=text)


def session_out(row: LoginSession, asking: str) -> SessionOut:
    return SessionOut(
        id=row.id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
        current=row.sha256 == asking,
    )


def audit_out(row: AuditEvent) -> AuditOut:
    return AuditOut(
        id=row.id,
        at=row.at,
        who=row.who,
        address=row.address,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )
