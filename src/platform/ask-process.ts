// Whether a process has a pid, by kill(pid, 0), which is OpenProcess on Windows.

import { errnoOf } from '../errors.ts'
import type { ProcessSeen } from './platform.ts'

/** Another user's process is EPERM; on Windows also EACCES. */
export function askProcess(pid: number): ProcessSeen['process'] {
  try {
    process.kill(pid, 0)
    return 'exists'
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ESRCH') return 'missing'
    return errno === 'EPERM' || errno === 'EACCES' ? 'forbidden' : 'not-asked'
  }
}
