// The AI-Thinker ESP32-CAM. The only file that knows Espressif; everything else runs on a host as well.
#include <Arduino.h>
#include <Preferences.h>
#include <WiFi.h>
#include <driver/rtc_io.h>
#include <esp_camera.h>
#include <esp_heap_caps.h>
#include <esp_ota_ops.h>
#include <esp_sleep.h>
#include <esp_system.h>
#include <esp_task_wdt.h>
#include <mbedtls/sha1.h>
#include <sys/time.h>

#include "../core/app.h"
#include "../hal/shared/signature_mbed.h"
#include "../hal/shared/tls_mbed.h"
#include "own_keys.h"

// Arduino would call every firmware good as soon as it has started (esp32-hal-misc.c). App decides that, see core/update.h.
extern "C" bool verifyRollbackLater() { return true; }

namespace camproxy {
namespace {

// Longer than the slowest thing that happens in one poll: a name that nobody knows, looked up by lwIP.
constexpr uint32_t kWatchdogSeconds = 30;
// The time of day is known when the clock is past the day this was written.
constexpr uint32_t kNoEarlier = 1795219200;

class Esp32Board final : public Board {
 public:
  void start() {
    Serial.begin(115200);
    esp_task_wdt_init(kWatchdogSeconds, true);
    esp_task_wdt_add(nullptr);
    pinMode(static_cast<uint8_t>(Pin::led), OUTPUT);
    pinMode(static_cast<uint8_t>(Pin::pir), INPUT_PULLDOWN);
  }

  void feed_watchdog() override { esp_task_wdt_reset(); }
  uint32_t random() override { return esp_random(); }
  void sha1(const uint8_t* data, size_t size, uint8_t out[20]) override { mbedtls_sha1_ret(data, size, out); }

  void set(Pin pin, bool high) override { digitalWrite(static_cast<uint8_t>(pin), high ? HIGH : LOW); }
  bool get(Pin pin) override { return digitalRead(static_cast<uint8_t>(pin)) == HIGH; }
  void hold_flash(bool held) override {
    if (held) {
      rtc_gpio_hold_en(GPIO_NUM_4);
      return;
    }
    // In this order: low before it is let go, or the flash glares at every waking.
    pinMode(static_cast<uint8_t>(Pin::flash), OUTPUT);
    digitalWrite(static_cast<uint8_t>(Pin::flash), LOW);
    rtc_gpio_hold_dis(GPIO_NUM_4);
  }

  uint32_t unix_time() override {
    const time_t now = time(nullptr);
    return now > static_cast<time_t>(kNoEarlier) ? static_cast<uint32_t>(now) : 0;
  }
  void set_unix_time(uint32_t seconds) override {
    const timeval now = {static_cast<time_t>(seconds), 0};
    settimeofday(&now, nullptr);
  }

  const char* reset_reason() override {
    switch (esp_reset_reason()) {
      case ESP_RST_POWERON: return "poweron";
      case ESP_RST_EXT: return "ext";
      case ESP_RST_SW: return "sw";
      case ESP_RST_PANIC: return "panic";
      case ESP_RST_INT_WDT: return "int_wdt";
      case ESP_RST_TASK_WDT: return "task_wdt";
      case ESP_RST_WDT: return "wdt";
      case ESP_RST_DEEPSLEEP: return "deepsleep";
      case ESP_RST_BROWNOUT: return "brownout";
      default: return "unknown";
    }
  }
  Wake woken_by() override {
    switch (esp_sleep_get_wakeup_cause()) {
      case ESP_SLEEP_WAKEUP_EXT0: return Wake::motion;
      case ESP_SLEEP_WAKEUP_TIMER: return Wake::timer;
      default: return Wake::none;
    }
  }
  uint32_t free_heap() override { return heap_caps_get_free_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT); }
  uint32_t largest_block() override { return heap_caps_get_largest_free_block(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT); }
  // The chip's own sensor is not calibrated, and gone in later revisions.
  bool temperature(int32_t&) override { return false; }

  void sleep(uint32_t seconds, bool by_motion) override {
    WiFi.disconnect(true);
    if (by_motion) esp_sleep_enable_ext0_wakeup(GPIO_NUM_13, 1);
    if (seconds > 0) esp_sleep_enable_timer_wakeup(seconds * 1000000ULL);
    Serial.flush();
    esp_deep_sleep_start();
  }
  void restart() override {
    Serial.flush();
    esp_restart();
  }

  int serial_read() override { return Serial.read(); }
  void print(const char* level, const char* line) override { Serial.printf("%s %s\n", level, line); }
};

class Esp32Network final : public Network {
 public:
  void join(const Slice& ssid, const Slice& password) override {
    WiFi.persistent(false);  // it is in our own record, once
    WiFi.mode(WIFI_STA);
    WiFi.setAutoReconnect(true);
    WiFi.setSleep(false);  // else every frame waits for a beacon
    Text<32> name;
    Text<63> secret;
    name.set(ssid);
    secret.set(password);
    WiFi.begin(name.data, secret.empty() ? nullptr : secret.data);
  }
  bool up() override { return WiFi.status() == WL_CONNECTED; }
  const uint8_t* mac() override {
    WiFi.macAddress(mac_);
    return mac_;
  }
  uint32_t address() override { return up() ? ntohl(static_cast<uint32_t>(WiFi.localIP())) : 0; }
  int8_t rssi() override { return static_cast<int8_t>(WiFi.RSSI()); }

 private:
  uint8_t mac_[6] = {};
};

// The order is that of FrameSize.
const framesize_t kSizes[kFrameSizeCount] = {FRAMESIZE_QQVGA, FRAMESIZE_QVGA, FRAMESIZE_CIF,  FRAMESIZE_HVGA,
                                             FRAMESIZE_VGA,   FRAMESIZE_SVGA, FRAMESIZE_XGA,  FRAMESIZE_HD,
                                             FRAMESIZE_SXGA,  FRAMESIZE_UXGA};

class Esp32Sensor final : public Sensor {
 public:
  bool start(FrameSize size, uint8_t quality) override {
    const bool psram = psramFound();
    if (!psram && size > FrameSize::qvga) size = FrameSize::qvga;
    camera_config_t config = {};
    config.ledc_channel = LEDC_CHANNEL_0;
    config.ledc_timer = LEDC_TIMER_0;
    config.pin_d0 = 5;
    config.pin_d1 = 18;
    config.pin_d2 = 19;
    config.pin_d3 = 21;
    config.pin_d4 = 36;
    config.pin_d5 = 39;
    config.pin_d6 = 34;
    config.pin_d7 = 35;
    config.pin_xclk = 0;
    config.pin_pclk = 22;
    config.pin_vsync = 25;
    config.pin_href = 23;
    config.pin_sscb_sda = 26;
    config.pin_sscb_scl = 27;
    config.pin_pwdn = 32;
    config.pin_reset = -1;
    config.xclk_freq_hz = 20000000;
    config.pixel_format = PIXFORMAT_JPEG;
    config.frame_size = kSizes[static_cast<uint8_t>(size)];
    config.jpeg_quality = quality;
    // GRAB_LATEST needs a buffer to write while the other one is read.
    config.fb_count = psram ? 2 : 1;
    config.fb_location = psram ? CAMERA_FB_IN_PSRAM : CAMERA_FB_IN_DRAM;
    config.grab_mode = psram ? CAMERA_GRAB_LATEST : CAMERA_GRAB_WHEN_EMPTY;
    buffers_for_ = size;
    quality_ = quality;
    return esp_camera_init(&config) == ESP_OK;
  }
  void stop() override { esp_camera_deinit(); }
  bool adjust(FrameSize size, uint8_t quality) override {
    // The driver has made its buffers for a size and a quality: larger pictures need larger ones.
    sensor_t* sensor = esp_camera_sensor_get();
    if (!sensor || size > buffers_for_ || quality < quality_) return false;
    return sensor->set_framesize(sensor, kSizes[static_cast<uint8_t>(size)]) == 0 &&
           sensor->set_quality(sensor, quality) == 0;
  }
  bool take(Frame& frame) override {
    camera_fb_t* taken = esp_camera_fb_get();  // the driver gives up after four seconds
    if (!taken) return false;
    frame.data = taken->buf;
    frame.size = taken->len;
    frame.handle = taken;
    return true;
  }
  void give_back(const Frame& frame) override { esp_camera_fb_return(static_cast<camera_fb_t*>(frame.handle)); }

 private:
  FrameSize buffers_for_ = FrameSize::qqvga;
  uint8_t quality_ = 0;
};

class Esp32Store final : public Store {
 public:
  void start() { nvs_.begin("camproxy", false); }
  bool load(const char* name, void* to, size_t size) override {
    return nvs_.getBytesLength(name) == size && nvs_.getBytes(name, to, size) == size;
  }
  bool save(const char* name, const void* from, size_t size) override { return nvs_.putBytes(name, from, size) == size; }
  void forget() override { nvs_.clear(); }

 private:
  Preferences nvs_;
};

class Esp32Updater final : public Updater {
 public:
  const char* version() override { return kVersion; }
  const char* begin(uint32_t size) override {
    slot_ = esp_ota_get_next_update_partition(nullptr);
    if (kUpdateKey[0] == 0) return "no key is built in, so it takes no firmware";
    if (!slot_ || size > slot_->size) return "it does not fit";
    check_.begin();
    // It erases as it writes: erasing all at once would take longer than the watchdog allows.
    under_way_ = esp_ota_begin(slot_, OTA_WITH_SEQUENTIAL_WRITES, &handle_) == ESP_OK;
    return under_way_ ? nullptr : "it cannot be stored";
  }
  bool write(const uint8_t* data, size_t size) override {
    check_.add(data, size);
    return esp_ota_write(handle_, data, size) == ESP_OK;
  }
  const char* finish(const uint8_t sha256[kHashSize], const uint8_t* signature, size_t size) override {
    if (const char* wrong = check_.wrong(kUpdateKey, sha256, signature, size)) return wrong;
    under_way_ = false;
    const bool good = esp_ota_end(handle_) == ESP_OK && esp_ota_set_boot_partition(slot_) == ESP_OK;
    return good ? nullptr : "it cannot be started";
  }
  void abandon() override {
    if (under_way_) esp_ota_abort(handle_);
    under_way_ = false;
  }
  bool on_trial() override {
    if (asked_) return trial_;
    esp_ota_img_states_t state = ESP_OTA_IMG_UNDEFINED;
    trial_ = esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) == ESP_OK &&
             state == ESP_OTA_IMG_PENDING_VERIFY;
    asked_ = true;
    return trial_;
  }
  void keep() override {
    esp_ota_mark_app_valid_cancel_rollback();
    trial_ = false;
  }
  void roll_back() override { esp_ota_mark_app_invalid_rollback_and_reboot(); }

 private:
  const esp_partition_t* slot_ = nullptr;
  esp_ota_handle_t handle_ = 0;
  bool under_way_ = false;
  bool asked_ = false;
  bool trial_ = false;
  FirmwareCheck check_;
};

Esp32Board board;
Esp32Network network;
Esp32Sensor sensor;
Esp32Store store;
Esp32Updater updater;
TlsConnection connection(board, kAuthorities[0] ? kAuthorities : nullptr);
PortListener listener;
MulticastSocket multicast;
App app({board, network, connection, listener, multicast, sensor, store, updater});

}  // namespace
}  // namespace camproxy

void setup() {
  using namespace camproxy;
  board.start();
  store.start();
  // Where a certificate authority is to vouch, the time has to be known first; otherwise the server tells it.
  if (kAuthorities[0]) configTime(0, 0, "pool.ntp.org");
  app.start(millis());
}

void loop() {
  using namespace camproxy;
  app.poll(millis());
  if (!app.busy()) delay(1);  // lets the idle task run, which has a watchdog of its own
}
