// A received file with what its sender declares about it. Guarantee: what comes from the sender is only shown, never used
// as a path; on disk a generated name is used, with an extension of plain letters and digits.

import type { ReceivedFile, TempFileManager, TempScope } from '../../index.ts'
import { displayName, plainExtension } from '../../input/names.ts'

/** The owner of received files: a manager, or a scope that ends with the request. */
export type Owner = TempFileManager | TempScope

/** A file that a client has sent. */
export interface UploadedFile extends ReceivedFile {
  /** The form field it came in; '' for a raw body. */
  readonly fieldName: string
  /** The client's name for it, made safe to show (never a path); 'file' if it gave none. */
  readonly originalName: string
  /** The media type that the client claims; undefined if it claimed none. */
  readonly declaredType: string | undefined
  /** The media type found in the bytes; undefined unless rules asked for it, and for text. */
  readonly detectedType: string | undefined
}

/** Adds the sender's description to a received file. */
export function asUploaded(
  file: ReceivedFile,
  sent: Pick<UploadedFile, 'fieldName' | 'originalName' | 'declaredType'>,
): UploadedFile {
  return Object.assign(file, sent)
}

/** The suffix for a file on disk: ffmpeg and others read the format off it. */
export function suffixOf(originalName: string): string {
  return plainExtension(originalName).toLowerCase()
}

/** The client's name for a file, safe to show. */
export function originalNameOf(fileName: string | undefined): string {
  return displayName(fileName ?? '')
}

/** The signal of an owner that is a scope: it aborts as the scope ends, while a body may still be coming. */
export function ownerSignal(owner: Owner): AbortSignal | undefined {
  return 'signal' in owner ? owner.signal : undefined
}
