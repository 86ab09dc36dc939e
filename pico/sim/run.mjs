// A Pico W on the desk: power, watchdog, flash and cables around the chip (chip.mjs). README.md beside it says how to use it.

import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'

const { values: options } = parseArgs({
  options: {
    flash: { type: 'string' }, // directory that holds what the flash holds: config.json, and what the firmware writes
    firmware: { type: 'string' }, // another directory than pico/camproxy/: the compiled firmware, for example
    main: { type: 'string' }, // another program than pico/main.py: the unit tests
    also: { type: 'string', multiple: true }, // directories whose .py and .json files lie beside it
    settrace: { type: 'boolean', default: false }, // the interpreter that knows sys.settrace
    mac: { type: 'string', default: '28:CD:C1:00:00:01' },
    ssid: { type: 'string', default: '' }, // the network that is there; any, by default
    password: { type: 'string', default: '' },
    address: { type: 'string', default: '127.0.0.1' }, // of the network in which it is
    'pose-port': { type: 'string' }, // UDP port of 127.0.0.1 that is told where the servos are
    'clock-off': { type: 'boolean', default: false }, // no time server answers
    speed: { type: 'string', default: '1' }, // how many seconds of the board pass in one of ours
    'heap-kb': { type: 'string', default: '192' },
  },
})
if (!options.flash) {
  console.error('say where the flash is: --flash DIRECTORY')
  process.exit(2)
}
mkdirSync(options.flash, { recursive: true })

// machine.reset_cause() on the RP2040; it cannot tell a brownout from switching on.
const POWER_ON = 1
const WATCHDOG = 3

const speed = Number(options.speed)
const begun = performance.now()
let chip = null
let watchdog = null

function say(event, fields = {}) {
  process.stdout.write(JSON.stringify({ event, t: Math.round((performance.now() - begun) * speed), ...fields }) + '\n')
}

function powerOn(cause) {
  say('boot', { reset_cause: cause })
  const started = new Worker(new URL('./chip.mjs', import.meta.url), { workerData: { options, cause }, stderr: false })
  chip = started
  started.on('message', ({ event, ...fields }) => {
    if (chip !== started) return // its last words before the reset
    if (event === 'watchdog') feed(fields.timeout)
    else if (event === 'reset') reset(WATCHDOG, 'by the program') // on the RP2, machine.reset() goes by way of the watchdog
    else say(event, fields)
  })
  started.on('error', (error) => say('fault', { text: String(error?.message ?? error).slice(0, 2000) }))
}

async function powerOff() {
  clearTimeout(watchdog)
  const stopped = chip
  chip = null
  await stopped?.terminate()
}

async function reset(cause, why) {
  say('reset', { why })
  await powerOff()
  powerOn(cause)
}

function feed(timeout) {
  clearTimeout(watchdog)
  watchdog = setTimeout(() => reset(WATCHDOG, 'by the watchdog'), timeout / speed)
}

// Faults on demand, one a line: see README.md.
createInterface({ input: process.stdin }).on('line', async (line) => {
  const [fault, ...words] = line.trim().split(' ')
  if (fault === 'brownout') await reset(POWER_ON, 'brownout')
  else if (fault === 'off') await powerOff()
  else if (fault === 'on') chip ?? powerOn(POWER_ON)
  else if (fault) chip?.postMessage({ fault, argument: words.join(' ') })
}).on('close', async () => {
  await powerOff()
  process.exit(0)
})

powerOn(POWER_ON)
