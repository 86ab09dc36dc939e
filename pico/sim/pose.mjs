// Tells a UDP port of this machine where the servos stand, so that a simulated camera can look there.

import { createSocket } from 'node:dgram'

export class Pose {
  #port
  #socket
  #names = new Map()
  #said = { servo1: null, servo2: null, light: false }

  constructor(port) {
    this.#port = Number(port ?? 0)
    if (this.#port) {
      this.#socket = createSocket('udp4')
      this.#socket.unref()
    }
  }

  pins(servo1, servo2) {
    this.#names = new Map([[servo1, 'servo1'], [servo2, 'servo2']])
  }

  // A servo that gets no pulses stays where it is.
  servo(pin, nanoseconds) {
    const name = this.#names.get(pin)
    if (!name || !nanoseconds) return
    this.#said[name] = Math.round((nanoseconds - 500_000) * 180 / 2_000_0) / 100
    this.#send()
  }

  light(on) {
    this.#said.light = on
    this.#send()
  }

  #send() {
    this.#socket?.send(JSON.stringify(this.#said), this.#port, '127.0.0.1', () => {})
  }
}
