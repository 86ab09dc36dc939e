// Tells a UDP port of this machine where the servos stand, so that a simulated camera can look there.

import { createSocket } from 'node:dgram'

export class Pose {
  #port
  #socket
  #names
  #said = { servo1: null, servo2: null, light: false }
  #pulses = new Map() // what each servo was last told
  #stuck = false

  // `pins`: GPIO numbers of servo1 and servo2.
  constructor(port, pins) {
    this.#port = Number(port ?? 0)
    this.#names = new Map([[pins.servo1, 'servo1'], [pins.servo2, 'servo2']])
    if (this.#port) {
      this.#socket = createSocket('udp4')
      this.#socket.unref()
    }
  }

  // A servo that gets no pulses stays where it is.
  servo(pin, nanoseconds) {
    const name = this.#names.get(pin)
    if (!name || !nanoseconds) return
    this.#pulses.set(name, nanoseconds)
    if (this.#stuck) return
    this.#said[name] = Math.round((nanoseconds - 500_000) * 180 / 2_000_0) / 100
    this.#send()
  }

  // Servos that are stuck get their pulses and stay where they are; once free they go where they were told last.
  stick(stuck) {
    this.#stuck = stuck
    for (const [pin, name] of this.#names) this.servo(pin, this.#pulses.get(name))
  }

  light(on) {
    this.#said.light = on
    this.#send()
  }

  #send() {
    this.#socket?.send(JSON.stringify(this.#said), this.#port, '127.0.0.1', () => {})
  }
}
