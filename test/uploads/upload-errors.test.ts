import { expect, test } from 'vitest'
import {
  beyondLength,
  digestMismatch,
  missingBytes,
  uploadBusy,
  uploadCorrupt,
  uploadEnded,
  uploadGone,
  uploadTakenOver,
} from '../../src/uploads/upload-errors.ts'

test.each([
  ['that is gone', uploadGone(), 410, {}],
  ['that another request writes', uploadBusy({ pid: 7 }), 409, { pid: 7 }],
  ['that another request of unknown owner writes', uploadBusy({ pid: undefined }), 409, {}],
  ['whose record is damaged', uploadCorrupt('it is not JSON', '/secret/path'), 500, undefined],
  ['that has ended', uploadEnded(), 410, undefined],
  ['that a newer request took over', uploadTakenOver(), 409, undefined],
  ['that is not whole', missingBytes(3, 10), 400, { bytes: 3, expected: 10 }],
  ['with another digest', digestMismatch('sha256', 'the upload'), 400, { algorithm: 'sha256' }],
  ['with more bytes than declared', beyondLength(10), 413, { limit: 10 }],
])('an upload %s is answered with a status, with facts, and without a path', (_, error, status, details) => {
  expect(error.status).toBe(status)
  if (details !== undefined) expect(error.details).toMatchObject(details)
  expect(error.message).not.toContain('/secret')
})
