// The meanings of the command line's exit statuses. Guarantee: these numbers are an interface, like the options: scripts
// and cron jobs may rely on them.

import { isTempFileError } from '../index.ts'

export const STATUS = {
  done: 0,
  attention: 1,
  usage: 2,
  notFound: 3,
  interrupted: 130,
} as const

/** As the manual shows them. */
export const STATUS_TEXT: readonly (readonly [status: number, meaning: string])[] = [
  [STATUS.done, 'Done. Also: another sweep is at work, so this one had nothing to do.'],
  [STATUS.attention, 'Something failed or needs attention: see standard error or the report.'],
  [STATUS.usage, 'The command line is wrong: an unknown option or a bad value.'],
  [STATUS.notFound, 'There is no handoff with this ticket.'],
  [STATUS.interrupted, 'Interrupted (SIGINT). The next sweep continues.'],
]

const BY_CODE: { readonly [code: string]: number | undefined } = {
  ERR_TEMP_HANDOFF_GONE: STATUS.notFound,
  ERR_TEMP_OPTION_INVALID: STATUS.usage,
  ERR_TEMP_NAME_INVALID: STATUS.usage,
  ERR_TEMP_TICKET_INVALID: STATUS.usage,
}

/** The status that a failure ends the program with. */
export function statusOf(error: unknown): number {
  return (isTempFileError(error) ? BY_CODE[error.code] : undefined) ?? STATUS.attention
}
