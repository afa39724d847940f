// Uploads over loopback, ours and the peers' in one server process, turn by turn; and what a large one costs in memory.

import { kill, program, start } from '../children/start.ts'
import type { Effort } from '../measure/effort.ts'
import { interval, ratios } from '../measure/interval.ts'
import { rounds } from '../measure/rounds.ts'
import { get, upload, type Wrapping } from '../measure/upload.ts'
import { type Row, row, type Target } from '../measure/verdict.ts'

const MB = 1024 * 1024

export async function uploads(effort: Effort): Promise<Row[]> {
  const size = effort.of(256, 64) * MB
  const { child, ready } = await start<{ port: number }>(program('receiver'), [effort.directory])
  const send = (path: string, wrapping: Wrapping) => async (): Promise<number> => {
    const milliseconds = await upload(ready.port, path, size, wrapping)
    await get(ready.port, '/settled')
    return size / MB / (milliseconds / 1000)
  }
  const bodies = await rounds(
    {
      'pipeline into fs.createWriteStream': send('/pipeline', 'raw'),
      'receive()': send('/receive', 'raw'),
      'receive() with sha256': send('/receive-sha256', 'raw'),
    },
    effort.of(11, 5),
  )
  const forms = await rounds(
    {
      'receiveForm()': send('/form', 'form'),
      'tempUpload() in Express': send('/express', 'form'),
      'multer 2 to disk': send('/multer', 'form'),
      formidable: send('/formidable', 'form'),
      '@fastify/multipart, pipeline': send('/fastify-multipart', 'form'),
    },
    effort.of(8, 4),
  )
  await kill(child)
  const speed = (list: readonly number[]): string => `${interval(list).median.toFixed(0)} MB/s`
  const compare = (what: string, against: string, ours: number[], theirs: number[], target?: Target): Row =>
    row({
      group: 'uploads',
      what: `${what}, ${size / MB} MB`,
      against,
      ours: speed(ours),
      theirs: speed(theirs),
      rounds: ratios(ours, theirs),
      ...(target === undefined ? {} : { target }),
    })
  const plain = 'pipeline into fs.createWriteStream'
  const form = forms['receiveForm()']
  return [
    compare('receive() of an http body', plain, bodies['receive()'], bodies[plain], { atLeast: 1.4 }),
    compare('the same with sha256', plain, bodies['receive() with sha256'], bodies[plain]),
    compare('receiveForm(), multipart', 'multer 2 to disk', form, forms['multer 2 to disk'], {
      atLeast: 1.4,
    }),
    compare(
      'tempUpload() in Express',
      'multer 2 to disk',
      forms['tempUpload() in Express'],
      forms['multer 2 to disk'],
    ),
    compare('receiveForm(), multipart', 'formidable', form, forms.formidable),
    compare(
      'receiveForm(), multipart',
      '@fastify/multipart, pipeline',
      form,
      forms['@fastify/multipart, pipeline'],
    ),
    await peaks(effort),
  ]
}

/** A server's highest resident memory after a large upload, against the same server after a small one. */
async function peaks(effort: Effort): Promise<Row> {
  const receiver = program('receiver')
  const small = 10
  const large = effort.of(2048, 512)
  // Twenty small ones: a young process grows its heap's nursery to its full size within the first 200 MB, whatever
  // receives them (bare pipeline: 83 MiB after 10 MB, 113 after 200 MB, 117 after 2 GB).
  const peakAfter = (times: number, megabytes: number) => async (): Promise<number> => {
    const { child, ready } = await start<{ port: number }>(receiver, [effort.directory])
    for (let time = 0; time < times; time++) {
      await upload(ready.port, '/express', megabytes * MB, 'form')
      await get(ready.port, '/settled')
    }
    const kibibytes = Number(await get(ready.port, '/settled'))
    await kill(child)
    return kibibytes / 1024
  }
  const costs = await rounds({ small: peakAfter(20, small), large: peakAfter(1, large) }, effort.of(4, 3), 0)
  const shown = (list: readonly number[]): string => `${interval(list).median.toFixed(0)} MiB`
  return row({
    group: 'uploads',
    what: `server's peak memory, ${large} MB upload`,
    against: `the same server, ${small} MB uploads`,
    ours: shown(costs.large),
    theirs: shown(costs.small),
    rounds: ratios(costs.large, costs.small),
    target: { atMost: 1.1 },
  })
}
