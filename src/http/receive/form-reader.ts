// Turns a multipart body into a form: text fields into a record, files to their owner while they stream.
// Guarantee: the first failure, wherever it comes from, is the one thrown, and `undo` leaves nothing: no file, no
// stream that is still read. Memory is bounded by the limits, and at most MAX_OPEN_FILES files are open at a time.

import { TempFileError } from '../../errors.ts'
import type { ReceivedFile } from '../../index.ts'
import { forLog } from '../../input/names.ts'
import { asyncDispose } from '../../runtime/dispose.ts'
import { fileBytesOf } from '../../runtime/manager-members.ts'
import { FirstFailure } from '../../streams/first-failure.ts'
import { type Form, ReceivedForm } from './form.ts'
import { formInvalid, formTooLarge, inField } from './form-errors.ts'
import type { DeclaredFile, PreparedField, PreparedForm } from './form-options.ts'
import { FormText } from './form-text.ts'
import { type MultipartEvent, MultipartParser, type PartHeaders } from './multipart-parser.ts'
import { type PartHeader, readPartHeader } from './part-header.ts'
import { type PartSink, PartStream } from './part-stream.ts'
import { asUploaded, type Owner, originalNameOf, suffixOf, type UploadedFile } from './uploaded-file.ts'

/** Small files arrive faster than they are closed; the form waits for one of them before it opens the next. */
const MAX_OPEN_FILES = 16

export class FormReader {
  readonly failure = new FirstFailure()
  readonly #owner: Owner
  readonly #options: PreparedForm
  readonly #parser: MultipartParser
  readonly #text: FormText
  readonly #files: (UploadedFile | undefined)[] = []
  readonly #filesPerField = new Map<string, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #parts = 0
  #sink: PartSink | undefined

  constructor(owner: Owner, options: PreparedForm, boundary: string) {
    this.#owner = owner
    this.#options = options
    this.#parser = new MultipartParser(boundary, options.maxHeaderPairs)
    this.#text = new FormText(options)
  }

  /** Takes the next chunk of the body; a promise means: no more until it settles. @throws the form's first failure */
  take(chunk: Uint8Array): Promise<void> | undefined {
    return this.#advance(this.#parser.parse(chunk))
  }

  /** The body is complete: waits for the files to be written and returns the form. @throws the form's first failure */
  async end(): Promise<Form<unknown>> {
    if (!this.#parser.finished) throw cutOff(this.#parser.started)
    await this.#settled()
    this.failure.check()
    const received = new Set(this.#received().map(({ fieldName }) => fieldName))
    for (const [name, { required }] of this.#options.fields ?? []) {
      if (required && !received.has(name))
        throw formInvalid(`The form has no file in the field '${forLog(name)}'. Choose one.`, { field: name })
    }
    return new ReceivedForm(this.#text.fields, this.#received())
  }

  /** Stops everything; only the first call's error counts. */
  fail(error: unknown): void {
    this.failure.fail(error)
    this.#stop.abort(error)
  }

  /** Waits until all files have ended, and removes those that were received. */
  async undo(): Promise<void> {
    await this.#settled()
    await Promise.allSettled(this.#received().map((file) => file[asyncDispose]()))
  }

  #advance(events: Generator<MultipartEvent, void>): Promise<void> | undefined {
    for (;;) {
      this.failure.check()
      const { done, value } = events.next()
      if (done === true) return undefined
      const wait = this.#handle(value)
      if (wait !== undefined) return wait.then(() => this.#advance(events))
    }
  }

  #handle(event: MultipartEvent): Promise<void> | undefined {
    switch (event.kind) {
      case 'data':
        return this.#sink?.write(event.bytes)
      case 'end':
        return this.#sink?.end()
      case 'part': {
        const sink = this.#open(event.headers)
        if (!(sink instanceof Promise)) {
          this.#sink = sink
          return undefined
        }
        return sink.then((opened) => {
          this.#sink = opened
        })
      }
    }
  }

  #open(headers: PartHeaders): PartSink | Promise<PartSink> {
    const { maxParts, maxFieldNameBytes } = this.#options
    this.#parts += 1
    if (this.#parts > maxParts) throw formTooLarge('more parts', 'maxParts', maxParts)
    const header = readPartHeader(headers, maxFieldNameBytes)
    if (header === undefined) return this.#text.ignored()
    if (header.fileName === '') return nothingChosen(header.fieldName)
    if (header.fileName === undefined || this.#isJson(header)) return this.#text.field(header)
    return this.#openFile(header)
  }

  /** `FormData` gives a Blob the file name 'blob'. */
  #isJson({ type, fileName }: PartHeader): boolean {
    return this.#options.decodeJsonParts && type === 'application/json' && fileName === 'blob'
  }

  #openFile({ fieldName, fileName, type }: PartHeader): PartSink | Promise<PartSink> {
    const rules = this.#admit(fieldName)
    const declared = { fieldName, originalName: originalNameOf(fileName), declaredType: type }
    const skipped = this.#options.skip?.(declared)
    if (!isThenable(skipped)) return this.#store(declared, rules, Boolean(skipped))
    return Promise.resolve(skipped).then((skip) => this.#store(declared, rules, Boolean(skip)))
  }

  /** Counts one more file of a field. @throws ERR_TEMP_TOO_LARGE, ERR_TEMP_FORM_INVALID */
  #admit(field: string): PreparedField | undefined {
    const { fields, maxFiles } = this.#options
    if (this.#files.length >= maxFiles) throw formTooLarge('more files', 'maxFiles', maxFiles, field)
    this.#files.push(undefined)
    const rules = fields?.get(field)
    if (fields !== undefined && rules === undefined) {
      throw formInvalid(`Files in the field '${forLog(field)}' are not accepted here.`, { field })
    }
    const count = (this.#filesPerField.get(field) ?? 0) + 1
    this.#filesPerField.set(field, count)
    if (rules !== undefined && count > rules.maxFiles) {
      const option = `fields['${field}'].maxFiles`
      throw formTooLarge(`more files in the field '${forLog(field)}'`, option, rules.maxFiles, field)
    }
    return rules
  }

  #store(declared: DeclaredFile, rules: PreparedField | undefined, skip: boolean): PartSink {
    const { fieldName, originalName, declaredType } = declared
    const { maxFileBytes, hash, prefix } = this.#options
    const accept = rules === undefined ? this.#options.accept : rules.accept
    const maxBytes = rules?.maxBytes ?? maxFileBytes
    const limitOption = rules?.maxBytes === undefined ? 'maxFileBytes' : `fields['${fieldName}'].maxBytes`
    if (skip) return leftOut(fieldName, this.#limitsOf(rules, { maxBytes, limitOption }))
    const index = this.#files.length - 1
    const part = new PartStream()
    const received = this.#owner.receive(part, {
      suffix: suffixOf(originalName),
      prefix,
      hash,
      signal: this.#stop.signal,
      ...(accept === undefined ? {} : { accept }),
      maxBytes,
      declared: { name: originalName, type: declaredType },
    })
    const stored = received.then(
      (file: ReceivedFile) => {
        this.#files[index] = asUploaded(file, declared)
      },
      (error: unknown) => this.fail(inField(error, fieldName, { maxBytes: limitOption })),
    )
    const running = stored.finally(() => this.#running.delete(running))
    this.#running.add(running)
    return {
      write: (bytes) => part.offer(bytes),
      end: () => {
        part.finish()
        return this.#running.size < MAX_OPEN_FILES ? undefined : Promise.race(this.#running)
      },
    }
  }

  /** Every limit on the size of a file that is kept, so that `skip` cannot bypass them. */
  #limitsOf(
    rules: PreparedField | undefined,
    { maxBytes, limitOption }: { readonly maxBytes: number | undefined; readonly limitOption: string },
  ): readonly SizeLimit[] {
    const accept = rules === undefined ? this.#options.accept : rules.accept
    return [
      { option: limitOption, bytes: maxBytes },
      { option: 'accept.maxBytes', bytes: accept?.maxBytes },
      { option: 'limits.fileBytes', bytes: fileBytesOf(this.#owner) },
    ]
  }

  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #received(): UploadedFile[] {
    return this.#files.filter((file) => file !== undefined)
  }
}

/** From JavaScript a callback may return any value: only what `await` would wait for is a promise. */
function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function' // any value can be read by key
}

/** A file input that was left empty: a part with an empty name and no content. */
function nothingChosen(field: string): PartSink {
  return {
    write() {
      throw formInvalid('A part of the form holds a file without a name. Give it one.', { field })
    },
    end: () => undefined,
  }
}

/** A limit on the size of a file, in bytes, and the option that sets it; undefined: it is not set. */
interface SizeLimit {
  readonly option: string
  readonly bytes: number | undefined
}

/** A file that `skip` leaves out: read and not kept, up to the size that it could have had. */
function leftOut(field: string, limits: readonly SizeLimit[]): PartSink {
  let bytes = 0
  return {
    write(chunk) {
      bytes += chunk.length
      for (const { option, bytes: limit = Number.POSITIVE_INFINITY } of limits)
        if (bytes > limit) throw formTooLarge('a file with more bytes', option, limit, field)
      return undefined
    },
    end: () => undefined,
  }
}

function cutOff(started: boolean): TempFileError {
  if (!started) return formInvalid('The body is not the multipart form that its Content-Type announces.')
  return new TempFileError('ERR_TEMP_TRUNCATED', 'The form ends before its closing boundary. Send it again.')
}
