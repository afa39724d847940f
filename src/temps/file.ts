// A temporary file. Guarantee: disposing it is exactly one unlink; its content is read and written by file-content.ts.

import type { FileHandle } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { asyncDispose } from '../runtime/dispose.ts'
import type {
  ByteSource,
  ReadStreamOptions,
  ReceiveOptions,
  TempFile,
  WriteResult,
  WriteStreamOptions,
} from '../types.ts'
import { Entry } from './entry.ts'
import { blobOf, handleOf, readStreamOf, sizeOf, writeStreamTo, writeTo } from './file-content.ts'

export class FileEntry extends Entry implements TempFile {
  override get kind(): 'file' {
    return 'file'
  }

  override removeAtSync(path: string): void {
    this.context.fs.unlinkSync(path)
  }

  override removeAt(path: string): Promise<void> {
    const { fs } = this.context
    return new Promise((resolve, reject) => {
      fs.unlink(path, (error) => (error ? reject(error) : resolve()))
    })
  }

  // The fast path: one unlink in the thread pool, one promise.
  override [asyncDispose](): Promise<void> {
    if (!this.plain) return super[asyncDispose]()
    return new Promise((resolve) => {
      this.context.fs.unlink(this.path, (error) => {
        if (error) {
          resolve(super[asyncDispose]())
          return
        }
        this.settle('removed')
        resolve()
      })
    })
  }

  async write(source: ByteSource, options: ReceiveOptions = {}): Promise<WriteResult> {
    return await writeTo(this, source, options)
  }

  createReadStream(options: ReadStreamOptions = {}): Readable {
    return readStreamOf(this, options)
  }

  createWriteStream(options: WriteStreamOptions = {}): Writable {
    return writeStreamTo(this, options)
  }

  async open(flags: string | number = 'r+'): Promise<FileHandle> {
    return await handleOf(this, flags)
  }

  async blob(options: { type?: string | undefined } = {}): Promise<Blob> {
    return await blobOf(this, options)
  }

  async size(): Promise<number> {
    return await sizeOf(this)
  }
}
