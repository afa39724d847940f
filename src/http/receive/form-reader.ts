// Takes a multipart body apart: text fields into a record, files to their owner as they stream. Promise: the
// first failure, wherever it comes from, is the one that is thrown, and after it nothing is left: no file, no
// open part, no listener that could do more.

import { setMaxListeners } from 'node:events'
import type { Readable } from 'node:stream'
import { Dicer } from '@fastify/busboy'
import { TempFileError } from '../../errors.ts'
import type { ReceivedFile } from '../../index.ts'
import { forLog } from '../../input/names.ts'
import { asyncDispose } from '../../runtime/dispose.ts'
import { type FieldRules, type FormLimits, type FormRules, formInvalid, tooLarge } from './form-rules.ts'
import { type PartHeader, readPartHeader } from './part-header.ts'
import { readText } from './text-field.ts'
import {
  asUploaded,
  discardAll,
  type Owner,
  originalNameOf,
  suffixOf,
  type UploadedFile,
} from './uploaded-file.ts'

/** A form that has been received whole. */
export interface Form extends AsyncDisposable {
  /**
   * The text fields by name, names as sent (`user[name]` stays so); a field that came more than once is an
   * array. The record has no prototype: `__proto__` is a name like any other.
   */
  readonly fields: Readonly<Record<string, string | string[]>>
  /** The files, in the order in which they came. A file input left empty sends none. */
  readonly files: readonly UploadedFile[]
}

/** Buffered before the sender is asked to wait, each for the parser and for the file being written. */
const BUFFER_BYTES = 256 * 1024
const MAX_HEADER_BYTES = 16 * 1024

export class FormReader {
  /** Told of the first failure, at once. */
  onFailure: ((error: Error) => void) | undefined
  readonly #owner: Owner
  readonly #rules: FormRules
  readonly #limits: FormLimits
  readonly #fields: Record<string, string | string[]> = Object.create(null)
  readonly #files: (UploadedFile | undefined)[] = []
  readonly #perField = new Map<string, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #dicer: Dicer | undefined
  #whole: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #parts = 0
  #headers = 0
  #texts = 0
  #textBytes = 0

  constructor(owner: Owner, rules: FormRules, limits: FormLimits) {
    setMaxListeners(0, this.#stop.signal) // one for each file that is arriving
    this.#owner = owner
    this.#rules = rules
    this.#limits = limits
  }

  /** Begins to parse; `onDrain` is called when `write` may go on after it has returned false. */
  begin(boundary: string, onDrain: () => void): void {
    const config = {
      boundary,
      maxHeaderPairs: this.#limits.maxHeaderPairs + 1, // one more than allowed, to be seen and refused
      maxHeaderSize: MAX_HEADER_BYTES,
      highWaterMark: BUFFER_BYTES,
      partHwm: BUFFER_BYTES,
    }
    const dicer = new Dicer(config)
    this.#dicer = dicer
    dicer.on('drain', onDrain)
    dicer.on('part', (part) => this.#guard(() => this.#takePart(part)))
    dicer.on('error', (error) => this.fail(this.#brokenOff(error)))
    this.#whole = new Promise((resolve) => {
      dicer.on('finish', resolve)
      this.#stop.signal.addEventListener('abort', () => resolve()) // a part that nobody reads on never finishes
    })
  }

  /** Parses a chunk; false means 'no more until onDrain'. @throws the form's first failure */
  write(chunk: Uint8Array): boolean {
    this.#check()
    const more = this.#dicer?.write(chunk) ?? true
    this.#check()
    return more
  }

  /** The body is over: waits for the files to be written and returns the form. @throws the form's first failure */
  async end(): Promise<Form> {
    this.#dicer?.end()
    await this.#whole
    if (this.#headers < this.#parts) this.fail(formInvalid('A part of the form has no complete header.'))
    await this.#settled()
    this.#check()
    for (const [name, { required }] of Object.entries(this.#rules.fields ?? {})) {
      if (required === true && !this.#perField.has(name))
        throw formInvalid(`The form has no file in the field '${forLog(name)}'. Choose one.`)
    }
    const files = this.#received()
    return { fields: this.#fields, files, [asyncDispose]: () => removeAll(files) }
  }

  /** Stops everything; the first call's error is the form's. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#stop.abort(error)
    this.onFailure?.(error as Error) // a TempFileError, or what inspect throws: only passed on
  }

  /** Removes what has been received, and returns the form's first failure, or else `error`. */
  async undo(error: unknown): Promise<unknown> {
    this.fail(error)
    const dicer = this.#dicer
    dicer?.removeAllListeners()
    dicer?.on('error', () => {}) // of parts that are not complete
    await this.#settled()
    await discardAll(this.#received())
    return this.#failure?.error
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #guard(action: () => void): void {
    try {
      if (this.#failure === undefined) action()
    } catch (error) {
      this.fail(error)
    }
  }

  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #received(): UploadedFile[] {
    return this.#files.filter((file) => file !== undefined)
  }

  #takePart(part: Readable): void {
    part.on('error', () => {}) // the parser reports the same to us, and to whoever reads the part
    if (this.#headers < this.#parts) throw formInvalid('A part of the form has no complete header.')
    this.#parts += 1
    if (this.#parts > this.#limits.maxParts) throw tooLarge('too many parts', this.#limits.maxParts)
    part.on('header', (header: Record<string, string[]>) => this.#guard(() => this.#takeHeader(part, header)))
  }

  #takeHeader(part: Readable, header: Record<string, string[]>): void {
    this.#headers += 1
    const lines = Object.values(header).reduce((sum, values) => sum + values.length, 0)
    if (lines > this.#limits.maxHeaderPairs) {
      throw formInvalid(
        `A part of the form has more than ${this.#limits.maxHeaderPairs} header lines, the most allowed here.`,
      )
    }
    const about = readPartHeader(header)
    if (about.fileName === undefined) this.#takeText(part, about)
    else if (about.fileName === '') this.#takeNothing(part)
    else this.#takeFile(part, about)
  }

  #takeText(part: Readable, { fieldName, charset }: PartHeader): void {
    this.#texts += 1
    if (this.#texts > this.#limits.maxFields) throw tooLarge('too many text fields', this.#limits.maxFields)
    const { maxFieldBytes, maxTextBytes } = this.#limits
    let bytes = 0
    const count = (more: number): void => {
      bytes += more
      this.#textBytes += more
      if (bytes > maxFieldBytes) throw tooLarge('a text field with more bytes', maxFieldBytes)
      if (this.#textBytes > maxTextBytes) throw tooLarge('more bytes of text', maxTextBytes)
    }
    const text = readText(part, charset, this.#stop.signal, { count })
    this.#run(text.then((value) => this.#addText(fieldName, value)))
  }

  #addText(name: string, text: string): void {
    const before = this.#fields[name]
    if (before === undefined) this.#fields[name] = text
    else if (typeof before === 'string') this.#fields[name] = [before, text]
    else before.push(text)
  }

  /** A file input that the user left empty: a part without a name and without a byte. */
  #takeNothing(part: Readable): void {
    part.on('data', () =>
      this.fail(formInvalid('A part of the form holds a file without a name. Give it one.')),
    )
  }

  #takeFile(part: Readable, { fieldName, fileName, type }: PartHeader): void {
    const field = this.#admit(fieldName)
    const originalName = originalNameOf(fileName)
    const index = this.#files.push(undefined) - 1
    const { accept, maxFileBytes, hash, prefix } = this.#rules
    const rules = field?.accept ?? accept
    const received = this.#owner.receive(part, {
      suffix: suffixOf(originalName),
      prefix,
      hash,
      signal: this.#stop.signal,
      ...(rules === undefined ? {} : { accept: rules }),
      maxBytes: field?.maxBytes ?? maxFileBytes,
      declared: { name: originalName, type },
    })
    this.#run(
      received.then((file: ReceivedFile) => {
        this.#files[index] = asUploaded(file, { fieldName, originalName, declaredType: type })
      }),
    )
  }

  /** Counts one more file of a field. @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_FORM_INVALID */
  #admit(fieldName: string): FieldRules | undefined {
    const { fields } = this.#rules
    if (this.#files.length >= this.#limits.maxFiles) throw tooLarge('too many files', this.#limits.maxFiles)
    const rules = fields !== undefined && Object.hasOwn(fields, fieldName) ? fields[fieldName] : undefined
    if (fields !== undefined && rules === undefined) {
      throw formInvalid(`Files in the field '${forLog(fieldName)}' are not accepted here.`)
    }
    const count = (this.#perField.get(fieldName) ?? 0) + 1
    this.#perField.set(fieldName, count)
    if (rules?.maxFiles !== undefined && count > rules.maxFiles) {
      throw tooLarge(`too many files in the field '${forLog(fieldName)}'`, rules.maxFiles)
    }
    return rules
  }

  #run(task: Promise<void>): void {
    const running = task
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #brokenOff(cause: unknown): TempFileError {
    if (this.#parts === 0)
      return formInvalid('The body is not the multipart form that its Content-Type announces.', cause)
    return new TempFileError(
      'ERR_TEMP_TRUNCATED',
      'The form ends before its closing boundary. Send it again.',
      { cause },
    )
  }
}

async function removeAll(files: readonly UploadedFile[]): Promise<void> {
  const results = await Promise.allSettled(files.map((file) => file[asyncDispose]()))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
