// The system that this process runs on, chosen once. Tests put another one in its place.

import { darwin } from './darwin.ts'
import { linux } from './linux.ts'
import type { Platform } from './platform.ts'
import { windows } from './windows.ts'

/** Systems that are none of the three are taken for macOS: POSIX without /proc. */
function choose(name: NodeJS.Platform): Platform {
  if (name === 'linux' || name === 'android') return linux
  return name === 'win32' ? windows : darwin
}

let current = choose(process.platform)

export function platform(): Platform {
  return current
}

/** For tests: uses another platform until the returned function is called. */
export function usePlatform(other: Platform): () => void {
  const before = current
  current = other
  return () => {
    current = before
  }
}
