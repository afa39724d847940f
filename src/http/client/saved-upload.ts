// Remembers an unfinished upload in a file, for a restart of this process. Guarantee: another file, or the same file after
// a change, is never continued; the directory is private, or nothing is remembered; what nobody continues is forgotten in the end.

import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { log } from '../../runtime/observe.ts'

/** The state of the upload on the server, as far as it is known. */
export interface RemoteUpload {
  readonly protocol: 'draft' | 'tus'
  readonly url: string
  /** When the server may remove it, in ms since 1970 by this machine's clock; undefined: not known. */
  readonly until?: number | undefined
}

/** Longer than servers keep an upload: those of this package seven days by default. */
const OLD_MS = 30 * 24 * 3_600_000

export class SavedUpload {
  readonly #directory = join(
    tmpdir(),
    `temp-file-manager-sending-${process.getuid?.() ?? userInfo().username}`,
  )
  readonly #name: Promise<string>
  #last: Promise<void> = Promise.resolve()

  /** `size` and `modifiedMs` of the file: an upload of another content is not continued. */
  constructor(target: URL, path: string, { size, mtimeMs }: { size: number; mtimeMs: number }) {
    this.#name = realpath(path).then((real) => {
      const identity = JSON.stringify([target.href, real, size, mtimeMs])
      return `${createHash('sha256').update(identity).digest('hex')}.json`
    })
    this.#name.catch(() => {}) // of a file that has no name any more; who needs it handles that, and perhaps nobody does
  }

  async load(): Promise<RemoteUpload | undefined> {
    try {
      await this.#requirePrivate()
      const { protocol, url, until } = JSON.parse(await readFile(await this.#path(), 'utf8')) as Record<
        string,
        unknown
      > // each is checked
      const known = (protocol === 'draft' || protocol === 'tus') && typeof url === 'string'
      if (!known) return undefined
      if (typeof until !== 'number') return { protocol, url }
      return until > Date.now() ? { protocol, url, until } : undefined
    } catch {
      return undefined // none, or not to be trusted: a new upload starts
    }
  }

  save(remote: RemoteUpload): Promise<void> {
    return this.#inTurn(() => this.#write(remote))
  }

  forget(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#path()
        .then((path) => rm(path, { force: true }))
        .catch(() => {})
      await rmdir(this.#directory).catch(() => {}) // others are remembered there still
    })
  }

  /** One at a time: what is forgotten stays so, although a save was not awaited. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work)
    return this.#last
  }

  async #write(remote: RemoteUpload): Promise<void> {
    try {
      await mkdir(this.#directory, { mode: 0o700 }).catch(() => {})
      await this.#requirePrivate()
      const path = await this.#path()
      await writeFile(`${path}.new`, JSON.stringify(remote), { mode: 0o600 })
      await rename(`${path}.new`, path)
      await this.#removeOld()
    } catch (error) {
      log.http('an upload is not remembered over a restart: %O', error)
    }
  }

  /** A file that has changed, or is gone, is never asked for again: nothing else would remove what is known of it. */
  async #removeOld(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name)
      const stats = await lstat(path).catch(() => {}) // removed meanwhile
      if (stats !== undefined && Date.now() - stats.mtimeMs > OLD_MS) await rm(path, { force: true })
    }
  }

  async #path(): Promise<string> {
    return join(this.#directory, await this.#name)
  }

  async #requirePrivate(): Promise<void> {
    const stats = await lstat(this.#directory)
    const uid = process.getuid?.()
    if (stats.isDirectory() && (uid === undefined || (stats.uid === uid && (stats.mode & 0o022) === 0)))
      return
    throw new Error('others can write to the directory')
  }
}
