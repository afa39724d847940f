// POST /uploads: a form with one clip. Checked while it arrives, handed off when it is whole, answered with 202.

import { Router } from 'express'
import { tempUpload } from 'temp-file-manager/express'
import { clipForm } from '../../service/clip-rules.ts'
import type { ClipService } from '../../service/service.ts'

export function routes({ manager, jobs }: ClipService): Router {
  return Router().post('/', tempUpload(manager, clipForm), async (request, response) => {
    const [clip] = request.upload.files
    if (clip === undefined)
      return response.status(400).json({ error: "Send the clip in the form field 'clip'." })
    const job = await jobs.submit(clip)
    return response.status(202).location(`/jobs/${job.id}`).json(job)
  })
}
