// Set-up of every test file in `npm run test:native`: on Windows, what cannot pass there is skipped with its reason.

import { beforeEach } from 'vitest'
import { whySkipped } from './skips.ts'

if (process.platform === 'win32')
  beforeEach(({ task, skip }) => {
    const reason = whySkipped(task.file.filepath, task.fullName)
    if (reason !== undefined) skip(reason)
  })
