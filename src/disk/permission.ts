// Node's permission model (--permission), which knows paths only: fsync, fchmod and futimes are disabled whatever it
// allows, and a path through /proc/self/fd is denied unless it is granted by itself. Guarantee: an operation without
// durability works; one that needs a disabled call fails with an ERR_TEMP_IO that explains it.

import { errnoOf, TempFileError } from '../errors.ts'

/** Whether Node's permission model refused a call. */
export function isDenied(error: unknown): boolean {
  return errnoOf(error) === 'ERR_ACCESS_DENIED'
}

/** Whether Node lets this process write at a path; the system may still refuse. */
export function mayWrite(path: string): boolean {
  // Declared as always present, but undefined without the flag.
  const permission = process.permission as typeof process.permission | undefined
  return permission === undefined || permission.has('fs.write', path)
}

/** The error of a sync, with the remedy where the permission model refused it. */
export function explainDeniedSync(error: unknown): unknown {
  if (!isDenied(error)) return error
  return new TempFileError(
    'ERR_TEMP_IO',
    "Node's permission model disables fsync, so nothing can be made durable. Pass durable: false, or run without --permission.",
    { cause: error },
  )
}
