// The one place where the service's manager is configured. Guarantee: servers and worker threads, Express and
// Fastify, share one root; TEMP_FILE_MANAGER_DIR moves it all to another disk.

import { TempFileManager } from 'temp-file-manager'
import { clipLimit } from './clip-rules.ts'

export function openManager(): TempFileManager {
  return new TempFileManager({
    name: 'clip-service',
    prefix: 'clip-',
    limits: { fileBytes: clipLimit, totalBytes: '2gb', liveEntries: 10_000, minFreeBytes: '64mb' },
    handoff: { ttl: '1h' },
  })
}
