#include "config.h"

namespace camproxy {

const FrameSizeFacts kFrameSizes[kFrameSizeCount] = {
    {"QQVGA", 160, 120}, {"QVGA", 320, 240}, {"CIF", 400, 296}, {"HVGA", 480, 320},   {"VGA", 640, 480},
    {"SVGA", 800, 600},  {"XGA", 1024, 768}, {"HD", 1280, 720}, {"SXGA", 1280, 1024}, {"UXGA", 1600, 1200},
};

bool CameraConfig::operator==(const CameraConfig& other) const {
  return framesize == other.framesize && quality == other.quality && fps == other.fps && sleep == other.sleep &&
         pir == other.pir && light == other.light && stream_seconds == other.stream_seconds;
}

namespace {

template <typename Number>
bool take(const Json& value, int32_t least, int32_t most, Number& out) {
  if (!value.there()) return true;
  int32_t number = 0;
  if (!value.read(number) || number < least || number > most) return false;
  out = static_cast<Number>(number);
  return true;
}

bool take(const Json& value, bool& out) { return !value.there() || value.read(out); }

bool take(const Json& value, FrameSize& out) {
  if (!value.there()) return true;
  for (uint8_t i = 0; i < kFrameSizeCount; i++) {
    if (!value.is(kFrameSizes[i].name)) continue;
    out = static_cast<FrameSize>(i);
    return true;
  }
  return false;
}

}  // namespace

const char* apply(const Json& sent, CameraConfig& config) {
  if (sent.kind() != Json::Kind::object) return "config must be an object";
  CameraConfig next = config;
  if (!take(sent["framesize"], next.framesize)) return "framesize is none that this camera knows";
  if (!take(sent["quality"], 4, 63, next.quality)) return "quality must be a whole number, 4 to 63";
  if (!take(sent["fps"], 1, 25, next.fps)) return "fps must be a whole number, 1 to 25";
  if (!take(sent["stream_seconds"], 5, 3600, next.stream_seconds)) return "stream_seconds must be 5 to 3600";
  if (!take(sent["sleep"], next.sleep)) return "sleep must be true or false";
  if (!take(sent["pir"], next.pir)) return "pir must be true or false";
  if (!take(sent["light"], next.light)) return "light must be true or false";
  config = next;
  return nullptr;
}

bool valid(const CameraConfig& config) {
  return static_cast<uint8_t>(config.framesize) < kFrameSizeCount && config.quality >= 4 && config.quality <= 63 &&
         config.fps >= 1 && config.fps <= 25 && config.stream_seconds >= 5 && config.stream_seconds <= 3600;
}

}  // namespace camproxy
