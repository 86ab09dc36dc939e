// The chip: MicroPython itself, with the firmware and the flash, and Node's sockets for its Wi-Fi.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { loadMicroPython } from '@micropython/micropython-webassembly-pyscript'
import { Flash, PICO } from './flash.mjs'
import { Sockets, lookUp } from './sockets.mjs'
import { Pose } from './pose.mjs'

const { options, cause } = workerData
const say = (event, fields = {}) => parentPort.postMessage({ event, ...fields })

// Without these Node prints its whole source, for MicroPython's is one line.
for (const what of ['uncaughtException', 'unhandledRejection']) {
  process.on(what, (error) => {
    say('fault', { text: String(error?.message ?? error).slice(0, 2000) })
    process.exit(1)
  })
}

// A board that lives faster: its clocks and its waits; the watchdog is in run.mjs.
const speed = Number(options.speed)
if (speed !== 1) {
  const [now, wait, begun] = [Date.now, setTimeout, Date.now()]
  Date.now = () => Math.round(begun + (now() - begun) * speed)
  globalThis.setTimeout = (done, milliseconds, ...more) => wait(done, milliseconds / speed, ...more)
}

const settrace = '@micropython/micropython-webassembly-pyscript/micropython-settrace.wasm'
const micropython = await loadMicroPython({
  url: options.settrace ? createRequire(import.meta.url).resolve(settrace) : undefined,
  heapsize: Number(options['heap-kb']) * 1024,
  pystack: 8192,
  stdout: (text) => say('print', { text }),
})
const flash = new Flash(micropython.FS, options.flash, options.firmware)
const sockets = new Sockets(options.address)
const pose = new Pose(options['pose-port'], flash.pins)
const weather = { freeHeap: -1, wifi: true, rssi: -51 }

micropython.registerJsModule('bridge', {
  cause,
  mac: options.mac,
  address: options.address,
  clock_off: options['clock-off'],
  say: (event, json) => say(event, JSON.parse(json)),
  servo: (pin, nanoseconds) => {
    say('servo', { pin, us: nanoseconds / 1000 })
    pose.servo(pin, nanoseconds)
  },
  light: (on) => pose.light(on),
  watchdog: (timeout) => say('watchdog', { timeout }),
  reset: () => say('reset'),
  flash_written: () => flash.save(),
  random: (count) => randomBytes(count).toString('base64'),
  sha1: (base64) => createHash('sha1').update(Buffer.from(base64, 'base64')).digest('base64'),
  free_heap: () => weather.freeHeap,
  rssi: () => weather.rssi,
  // What a network answers to who asks to join: an address (1), or why not, in the chip's numbers.
  join: (ssid, password) => {
    if (!weather.wifi || (options.ssid && ssid !== options.ssid)) return -2
    return options.ssid && password !== options.password ? -3 : 3
  },
  wifi_is_up: () => weather.wifi,
  look_up: lookUp,
  hang: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  sockets,
})

const FAULTS = {
  drop: () => sockets.each((socket) => socket.drop()),
  silent: () => sockets.each((socket) => socket.silence()),
  garbage: (text) => sockets.each((socket) => socket.inject(text)),
  servo: (state) => pose.stick(state === 'stuck'),
  hang: () => micropython.runPython('while True: pass'),
  heap: (bytes) => { weather.freeHeap = bytes === '' ? -1 : Number(bytes) },
  rssi: (dbm) => { weather.rssi = Number(dbm) },
  wifi: (state) => {
    weather.wifi = state !== 'off'
    if (!weather.wifi) sockets.each((socket) => socket.silence())
  },
  // What of the heap the firmware holds, the most that it has used so far, and how many sockets are open.
  measure: () => {
    micropython.runPython('import heap; heap.collect()')
    setTimeout(() => {
      micropython.runPython('import heap; heap.tell()')
      say('sockets', { open: sockets.count })
    }, 20)
  },
}

parentPort.on('message', ({ fault, argument }) => {
  if (FAULTS[fault]) FAULTS[fault](argument)
  say('done', { fault, known: fault in FAULTS })
})

flash.load(options.also ?? [])
micropython.runPython('import lifelike')
micropython.runPython('import heap; heap.collect()') // the collector works when nothing runs,
micropython.runPython('import heap; heap.begin()') // so here
micropython.runPython(readFileSync(options.main ?? PICO + 'main.py', 'utf8'))
