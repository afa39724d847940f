// The errors of a form. Guarantee: each carries what a program needs to answer well: the option that was reached, its
// limit, and the field concerned.

import { type ErrorDetails, isTempFileError, TempFileError } from '../../errors.ts'

/** A body that is not a form, or not one that is accepted. */
export function formInvalid(message: string, details?: ErrorDetails, cause?: unknown): TempFileError {
  return new TempFileError('ERR_TEMP_FORM_INVALID', message, { cause, details })
}

/** `what` completes the sentence 'The form has ...'. */
export function formTooLarge(what: string, option: string, limit: number, field?: string): TempFileError {
  return new TempFileError('ERR_TEMP_TOO_LARGE', `The form has ${what}. The most allowed here is ${limit}.`, {
    details: { limit, option, ...(field === undefined ? {} : { field }) },
  })
}

/** Adds the field to an error of one of its files, and translates the option's name by `optionNames`. */
export function inField(
  error: unknown,
  field: string,
  optionNames: Readonly<Record<string, string>>,
): unknown {
  if (!isTempFileError(error) || error.status >= 500) return error
  const { option } = error.details
  const named = option === undefined ? undefined : (optionNames[option] ?? option)
  return new TempFileError(error.code, error.message, {
    cause: error.cause,
    path: error.path,
    details: { ...error.details, ...(named === undefined ? {} : { option: named }), field },
  })
}
