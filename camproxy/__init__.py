"""CamProxy: live video and steering for ESP32-CAM cameras on Pico-driven pan/tilt heads."""

__version__ = "0.1.0"
