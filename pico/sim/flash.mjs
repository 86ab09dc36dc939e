// The flash: the firmware, the shims beneath it, and a directory of the host for what the board keeps.

import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PICO = fileURLToPath(new URL('..', import.meta.url))

export class Flash {
  #fs
  #directory
  #firmware
  #kept = new Map()

  // `firmware`: where else than in pico/camproxy/ it is, compiled for example.
  constructor(fs, directory, firmware) {
    this.#fs = fs
    this.#directory = directory
    this.#firmware = firmware ?? join(PICO, 'camproxy')
  }

  // `also`: directories whose files lie beside the program.
  load(also) {
    this.#fs.mkdirTree('/camproxy')
    this.#fs.mkdirTree('/lib')
    this.#copy(this.#firmware, '/camproxy', /\.m?py$/)
    this.#copy(join(PICO, 'sim', 'lib'), '/lib', /\.py$/)
    for (const directory of also) this.#copy(directory, '', /\.(py|json)$/)
    for (const name of readdirSync(this.#directory)) {
      const content = readFileSync(join(this.#directory, name))
      this.#fs.writeFile('/' + name, content)
      this.#kept.set(name, content)
    }
  }


  // Which pins are the servos, as config.json or else the firmware has it.
  get pins() {
    try {
      return { servo1: 16, servo2: 17, ...JSON.parse(readFileSync(join(this.#directory, 'config.json'))).pins }
    } catch {
      return { servo1: 16, servo2: 17 } // the firmware will say what is wrong with the file
    }
  }

  #copy(from, to, ending) {
    for (const name of readdirSync(from)) {
      if (ending.test(name)) this.#fs.writeFile(`${to}/${name}`, readFileSync(join(from, name)))
    }
  }

  // What was written is on the disk before the firmware goes on: a killed simulator has lost what a board would have lost.
  save() {
    const there = new Map()
    for (const name of this.#fs.readdir('/')) {
      if (this.#fs.isFile(this.#fs.stat('/' + name).mode)) there.set(name, Buffer.from(this.#fs.readFile('/' + name)))
    }
    for (const [name, content] of there) {
      if (this.#kept.get(name)?.equals(content)) continue
      const path = join(this.#directory, name)
      writeFileSync(path + '.writing', content)
      renameSync(path + '.writing', path)
    }
    for (const name of this.#kept.keys()) {
      if (!there.has(name)) rmSync(join(this.#directory, name), { force: true })
    }
    this.#kept = there
  }
}
