"""Security headers: what a browser may do with our pages. docs/decisions/0010 says why no library does this."""

from __future__ import annotations

from flask import Flask, Response, request

#: No inline script or style, nothing from another host, no frame around us. `blob:` are the pictures of /ws/view,
#: and recorded video that a script puts together.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
#: Over TLS only, where RFC 6797 allows it: half a year.
STRICT_TRANSPORT_SECURITY = "max-age=15552000"


def send_headers(app: Flask) -> None:
    @app.after_request
    def add(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY)
        if request.endpoint != "static":
            # What somebody saw while logged in is not to be found behind the back button after the log-out.
            response.headers.setdefault("Cache-Control", "no-store")
        return response
