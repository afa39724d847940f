import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { type Problem, toProblem } from '../../../src/http/index.ts'
import { TempFileError } from '../../../src/index.ts'

const PATH = '/var/private/tmp-1'

test('a client error carries its status, its message, its code and the limit', () => {
  const error = new TempFileError('ERR_TEMP_TOO_LARGE', 'Too large.', {
    path: PATH,
    details: { limit: 5, bytes: 9 },
  })
  const { status, headers, body } = toProblem(error)
  expect(status).toBe(413)
  expect(headers['content-type']).toBe('application/problem+json')
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Payload Too Large',
    status: 413,
    detail: 'Too large.',
    code: 'ERR_TEMP_TOO_LARGE',
    limit: 5,
  })
})

test('a refused type carries the types that are accepted', () => {
  const error = new TempFileError('ERR_TEMP_TYPE_REJECTED', 'Refused.', {
    details: { accepted: ['image/png'], detected: 'text/html' },
  })
  const { accepted, detected }: Problem = toProblem(error).body
  expect([accepted, detected]).toEqual([['image/png'], 'text/html'])
})

test('a server error shows its code, and neither its message nor its details', () => {
  const cause = Object.assign(new Error(`EIO: ${PATH}`), { path: PATH })
  const { body } = toProblem(new TempFileError('ERR_TEMP_IO', 'Could not read.', { cause, path: PATH }))
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    code: 'ERR_TEMP_IO',
  })
})

test.each([
  ['a plain error', new Error(PATH)],
  ['a string', PATH],
  ['nothing', undefined],
  ['a system error', Object.assign(new Error(PATH), { code: 'ENOENT', path: PATH })],
  ['an invalid status', Object.assign(new Error(PATH), { status: 99_999, expose: true })],
])('%s is a 500 without any text of it', (_, error) => {
  expect(toProblem(error).body).toEqual({ type: 'about:blank', title: 'Internal Server Error', status: 500 })
})

test('an error of http-errors keeps its status and message where it may be exposed', () => {
  const error = Object.assign(new Error('No such job.'), { status: 404, expose: true })
  expect(toProblem(error).body).toMatchObject({ status: 404, title: 'Not Found', detail: 'No such job.' })
})

test.each([
  ['status', 404, 'Not Found'],
  ['statusCode', 415, 'Unsupported Media Type'],
  ['status', 503, 'Service Unavailable'],
])(
  'an error with the %s %i keeps it, and its message where `expose` is not true is left out',
  (key, status, title) => {
    const error = Object.assign(new Error(PATH), { [key]: status })
    expect(toProblem(error).status).toBe(status)
    expect(toProblem(error).body).toEqual({ type: 'about:blank', title, status })
  },
)

test("Fastify's own refusal of a request keeps its status", async () => {
  await using app = Fastify()
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = toProblem(error)
    return reply.code(status).headers(headers).send(String(body))
  })
  app.post('/', () => 'never')
  const [malformed, unknown] = await Promise.all([
    app.inject({ method: 'POST', url: '/', headers: { 'content-type': 'application/json' }, body: '{' }),
    app.inject({ method: 'POST', url: '/', headers: { 'content-type': 'text/unknown' }, body: '{' }),
  ])
  expect([malformed.statusCode, unknown.statusCode]).toEqual([400, 415])
  expect(malformed.json()).toEqual({ type: 'about:blank', title: 'Bad Request', status: 400 })
})

test('an aborted upload has a title although 499 is not registered', () => {
  expect(toProblem(new TempFileError('ERR_TEMP_ABORTED', 'Aborted.')).body.title).toBe(
    'Client Closed Request',
  )
})

test('String(body) is the JSON of the body', () => {
  const { body } = toProblem(new TempFileError('ERR_TEMP_FORM_INVALID', 'Broken.'))
  expect(JSON.parse(String(body))).toEqual(body)
})
