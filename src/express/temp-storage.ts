// A storage engine for multer 2. Guarantee: multer parses and limits as always; each file belongs to the request's
// scope, so a handler that throws leaves none behind, and is checked while it arrives.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { TempFileError } from '../errors.ts'
import type { UploadedFile } from '../http/index.ts'
import { discardNode } from '../http/receive/discard-rest.ts'
import { inField } from '../http/receive/form-errors.ts'
import { asUploaded, originalNameOf, suffixOf } from '../http/receive/uploaded-file.ts'
import type { FileRules, Size, TempFileManager } from '../index.ts'
import { namePrefix } from '../input/file-options.ts'
import { optionsOf, size } from '../input/options.ts'
import { storeOptions } from '../streams/receive-options.ts'
import { splitArguments } from './middleware-arguments.ts'
import { scopeOf } from './temp-scope.ts'

/** The rules for each file; counts and sizes of the form are multer's `limits`. */
export interface StorageOptions {
  readonly accept?: FileRules | undefined
  readonly maxBytes?: Size | undefined
  readonly hash?: 'sha256' | (string & {}) | undefined
  readonly prefix?: string | undefined
}

/** The part of multer's file that is read. */
export interface IncomingFile {
  readonly fieldname: string
  readonly originalname: string
  readonly mimetype: string
  readonly stream: Readable
}

/** The members that multer adds to its file. */
export interface StoredFile {
  readonly path: string
  readonly filename: string
  readonly destination: string
  readonly size: number
  readonly temp: UploadedFile
}

const checkOptions = optionsOf('tempStorage', {
  accept: storeOptions.accept,
  hash: storeOptions.hash,
  maxBytes: size,
  prefix: namePrefix,
})

/** A multer StorageEngine. */
export interface TempStorage {
  _handleFile(
    req: IncomingMessage & { res?: ServerResponse | undefined },
    file: IncomingFile,
    callback: (error?: unknown, info?: Partial<StoredFile>) => void,
  ): void
  _removeFile(
    req: IncomingMessage,
    file: { temp?: UploadedFile | undefined },
    callback: (error: Error | null) => void,
  ): void
}

/**
 * A storage engine for multer 2: `multer({ storage: tempStorage() })`. Each file
 * belongs to the request's scope (`req.temp`) and is removed when the response is over; besides multer's own members it has
 * `temp`, an {@link UploadedFile} with `handOff`, `persist` and the rest.
 *
 * @param manager default: the process's default manager, `getTempManager()`; it can be left out altogether
 * @throws ERR_TEMP_OPTION_INVALID when it is called with a bad option; to multer's callback: the codes of {@link TempFileManager.receive}
 * @example
 * ```ts
 * import express from 'express'
 * import multer from 'multer'
 * import { fileRules } from 'temp-file-manager'
 * import { tempStorage } from 'temp-file-manager/express'
 *
 * const upload = multer({ storage: tempStorage({ accept: fileRules.image }) })
 * const app = express()
 * app.post('/avatar', upload.single('avatar'), async (req, res) => {
 *   await req.file?.temp?.handOff()
 *   res.sendStatus(202)
 * })
 * ```
 */
export function tempStorage(options?: StorageOptions): TempStorage
export function tempStorage(manager: TempFileManager | undefined, options?: StorageOptions): TempStorage
export function tempStorage(first?: TempFileManager | StorageOptions, second?: StorageOptions): TempStorage {
  const { manager, options = {} } = splitArguments(first, second)
  const { accept, ...checked } = checkOptions(options)
  const store = async (
    req: IncomingMessage,
    res: ServerResponse | undefined,
    file: IncomingFile,
  ): Promise<StoredFile> => {
    if (res === undefined) {
      throw new TempFileError(
        'ERR_TEMP_OPTION_INVALID',
        'tempStorage needs req.res, which Express sets. Use it in an Express application.',
      )
    }
    const originalName = originalNameOf(file.originalname)
    const received = await scopeOf(manager, req, res).receive(file.stream, {
      ...checked,
      ...(accept === undefined ? {} : { accept }),
      suffix: suffixOf(originalName),
      declared: { name: originalName, type: file.mimetype },
    })
    const temp = asUploaded(received, {
      fieldName: file.fieldname,
      originalName,
      declaredType: file.mimetype,
    })
    return { path: temp.path, filename: temp.name, destination: dirname(temp.path), size: temp.bytes, temp }
  }
  return {
    _handleFile(req, file, callback) {
      store(req, req.res, file).then(
        (stored) => callback(null, stored),
        (error: unknown) => {
          callback(inField(error, file.fieldname, {}))
          // multer reports the error only after the rest of the request has arrived; this bounds that rest.
          discardNode(req)
        },
      )
    },
    _removeFile(_req, file, callback) {
      if (file.temp === undefined) return callback(null)
      file.temp.remove().then(
        () => callback(null),
        (error: Error) => callback(error), // remove() rejects with a TempFileError
      )
    },
  }
}
