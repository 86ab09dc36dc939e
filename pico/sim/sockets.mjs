// Sockets as lwIP and mbedTLS have them, over Node's: few, non-blocking, with short reads and short writes.

import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import net from 'node:net'
import tls from 'node:tls'

const MOST = 8 // MEMP_NUM_TCP_PCB is 5 and some linger: a leak is soon felt
const SEGMENT = 536
const SEND_BUFFER = 4096
const RECEIVE_WINDOW = 16 * 1024

// MicroPython's errno, and mbedTLS's when a certificate is not believed.
const ERRORS = { ECONNREFUSED: 111, ECONNRESET: 104, EPIPE: 104, ETIMEDOUT: 110, EHOSTUNREACH: 113 }
const NOT_BELIEVED = -0x2700
const TLS_FAILED = -0x7780

export function lookUp(name) {
  if (net.isIP(name)) return name
  const script = 'require("dns").lookup(process.argv[1], {family: 4}, (e, a) => process.stdout.write(e ? "" : a))'
  return execFileSync(process.execPath, ['-e', script, name], { encoding: 'utf8' })
}

class Stream {
  error = 0
  #socket = new net.Socket()
  #wire
  #chunks = []
  #length = 0
  #ended = false
  #writable = false
  #silent = false
  #changed

  constructor(changed) {
    this.#changed = changed
  }

  connect(host, port) {
    this.#socket.connect({ host, port, noDelay: true })
    this.#socket.once('connect', () => {
      if (!this.#wire) this.#become(this.#socket)
    })
    this.#socket.on('error', (error) => this.#fail(ERRORS[error.code] ?? 5))
  }

  // TLS begins with the first thing that is written, as with do_handshake_on_connect=False; Node may begin sooner.
  secure(host, certificate, believes) {
    const ca = certificate && `-----BEGIN CERTIFICATE-----\n${certificate.trim()}\n-----END CERTIFICATE-----\n`
    const name = net.isIP(host) ? {} : { servername: host }
    this.#wire = tls.connect({
      socket: this.#socket, host, ...name, ca: ca || [], rejectUnauthorized: believes, minVersion: 'TLSv1.2',
    })
    this.#wire.once('secureConnect', () => this.#become(this.#wire))
    this.#wire.on('error', (error) => {
      const trust = /CERT|SELF_SIGNED|ISSUER|ALTNAME|UNABLE_TO/.test(error.code ?? '')
      this.#fail(trust ? NOT_BELIEVED : ERRORS[error.code] ?? TLS_FAILED)
    })
  }

  #become(wire) {
    this.#wire = wire
    this.#writable = true
    wire.on('data', (data) => this.#take(data))
    wire.on('end', () => this.#end())
    wire.on('close', () => this.#end())
    wire.on('drain', () => this.#changed())
    this.#changed()
  }

  #take(data) {
    if (this.#silent) return
    this.#chunks.push(data)
    this.#length += data.length
    if (this.#length > RECEIVE_WINDOW) this.#wire.pause()
    this.#changed()
  }

  #end() {
    if (this.#silent) return
    this.#ended = true
    this.#changed()
  }

  #fail(error) {
    if (this.#silent || this.error) return
    this.error = error
    this.#changed()
  }

  get readable() { return this.#length > 0 || this.#ended || this.error !== 0 }

  get writable() { return (this.#writable && this.#wire.writableLength < SEND_BUFFER) || this.error !== 0 || this.#ended }

  // Base64 of at most `count` bytes; '' at the end, null when there is nothing yet.
  read(count) {
    if (!this.#length) return this.#ended ? '' : null
    const first = this.#chunks.shift()
    const part = first.subarray(0, count < 0 ? SEGMENT : Math.min(count, SEGMENT))
    if (part.length < first.length) this.#chunks.unshift(first.subarray(part.length))
    this.#length -= part.length
    if (this.#length <= RECEIVE_WINDOW) this.#wire?.resume()
    return part.toString('base64')
  }

  // How many bytes were taken; -1 for none now.
  write(base64) {
    if (!this.#writable || this.#wire.writableLength >= SEND_BUFFER) return -1
    const part = Buffer.from(base64, 'base64').subarray(0, SEGMENT)
    if (!this.#silent && !this.#ended) this.#wire.write(part)
    return part.length
  }

  close() {
    this.#silent = true
    this.#wire?.end()
    this.#socket.destroySoon()
  }

  // Faults

  drop() {
    this.#fail(104)
    this.#socket.destroy()
  }

  silence() {
    this.#silent = true
  }

  // As if the server had sent it: JSON that is none, or bytes that are no frame.
  inject(what) {
    const text = Buffer.from(what || '{"type": "servo", "command":')
    this.#take(what === 'frame' ? Buffer.from([0xff, 0xff, 0x13, 0x37]) : Buffer.concat([Buffer.from([0x81, text.length]), text]))
  }
}

class Datagrams {
  error = 0
  writable = true
  #socket = createSocket({ type: 'udp4', reuseAddr: true })
  #arrived = []

  constructor(address) {
    this.#socket.on('message', (data, from) => {
      if (this.#arrived.length < 8) this.#arrived.push({ data, from })
    })
    this.#socket.on('error', () => { this.error = 5 })
    this.address = address
  }

  get readable() { return this.#arrived.length > 0 }

  bind(port) {
    this.#socket.bind(port, () => this.#socket.setMulticastInterface(this.address))
  }

  join(group) {
    this.#socket.once('listening', () => this.#socket.addMembership(group, this.address))
  }

  send(base64, host, port) {
    this.#socket.send(Buffer.from(base64, 'base64'), port, host, () => {})
  }

  // [base64, host, port], or null
  receive() {
    const one = this.#arrived.shift()
    return one ? JSON.stringify([one.data.toString('base64'), one.from.address, one.from.port]) : null
  }

  close() { this.#socket.close() }

  drop() {}

  silence() {}

  inject() {}
}

export class Sockets {
  #open = new Map()
  #last = 0
  #wake = () => {}

  constructor(address) {
    this.address = address
  }

  get count() { return [...this.#open.values()].filter((socket) => socket instanceof Stream).length }

  // `wake(number)` is called from the event loop when a socket may have become readable or writable.
  on_change(wake) { this.#wake = wake }

  // Its number, or 0 when there are no more.
  stream() {
    if (this.count >= MOST) return 0
    return this.#keep((number) => new Stream(() => setImmediate(() => this.#wake(number))))
  }

  datagrams() { return this.#keep(() => new Datagrams(this.address)) }

  #keep(make) {
    const number = ++this.#last
    this.#open.set(number, make(number))
    return number
  }

  get(number) { return this.#open.get(number) ?? null }

  close(number) {
    this.#open.get(number)?.close()
    this.#open.delete(number)
  }

  each(what) { for (const socket of this.#open.values()) what(socket) }
}
