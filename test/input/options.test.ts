import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TempFileManager } from '../../src/index.ts'
import { boolean, nested, optionsOf, preset, text, timerDuration } from '../../src/input/options.ts'
import { failureSync } from '../fixtures/failures.ts'
import { tempBase, tempManager } from '../fixtures/temp-base.ts'
import { COMMON, meant, testMistakes, wrongTypes } from './mistakes.ts'

const NO_SIZE = ['5 potatoes', '500MiB', -1, 1.5, Number.NaN, true, {}]
const NO_DURATION = ['soon', '5 bananas', -1, Number.NaN, true, {}]
const NO_FLAG = ['yes', 0, 1, null, {}]

const fileMistakes = [
  ...COMMON,
  meant('sufix', 'suffix'),
  meant('postfix', 'suffix'),
  meant('template', 'prefix'),
  meant('dir', 'baseDir'),
  meant('tmpdir', 'baseDir'),
  ...wrongTypes('mode', '0600', -1, 0o1000, 1.5, null),
]

const receiveMistakes = [
  ...COMMON,
  meant('maxbytes', 'maxBytes'),
  meant('maxByte', 'maxBytes'),
  meant('fileSize', 'maxBytes'),
  meant('maxFileSize', 'maxBytes'),
  meant('maxSize', 'maxBytes'),
  meant('limits', 'maxBytes'),
  meant('dest', 'baseDir'),
  meant('fileFilter', 'accept'),
  meant('hashAlgorithm', 'hash'),
  meant('accept.extension', 'extensions'),
  meant('accept.mimeTypes', 'types'),
  meant('accept.maxSize', 'maxBytes'),
  ...wrongTypes('maxBytes', ...NO_SIZE),
  ...wrongTypes('expectedBytes', '5', -1, 1.5),
  ...wrongTypes('signal', {}, 'abort', null),
  ...wrongTypes('hash', 'sha', 5, null),
  ...wrongTypes('onProgress', 'yes', {}),
  ...wrongTypes('keepSource', ...NO_FLAG),
  ...wrongTypes('mode', '0600'),
  ...wrongTypes('accept', null, 'image/*', ['.png'], 5),
  ...wrongTypes('accept.extensions', '.png', [], ['']),
  ...wrongTypes('accept.types', 'image/png', [], ['png']),
  ...wrongTypes('accept.minBytes', ...NO_SIZE),
  ...wrongTypes('accept.maxBytes', ...NO_SIZE),
  { mistake: 'a missing preset', options: { accept: undefined }, option: 'accept', says: /fileRules/ },
]

describe('the core', () => {
  testMistakes([
    {
      name: 'new TempFileManager',
      call: (options) => new TempFileManager(options),
      mistakes: [
        ...COMMON,
        meant('basedir', 'baseDir'),
        meant('baseDirectory', 'baseDir'),
        meant('tmpdir', 'baseDir'),
        meant('dest', 'baseDir'),
        meant('keep', 'preserve'),
        meant('limits.fileSize', 'fileBytes'),
        meant('limits.maxFileSize', 'fileBytes'),
        meant('limits.files', 'liveEntries'),
        meant('limits.entries', 'liveEntries'),
        meant('handoff.expiresIn', 'ttl'),
        meant('sweep.interval', 'every'),
        meant('sharedVolume.stale', 'staleAfter'),
        ...wrongTypes('baseDir', '', 5, 'a\0b', null),
        ...wrongTypes('fs', {}, 'fs', null),
        ...wrongTypes('limits', null, 5, []),
        ...wrongTypes('limits.fileBytes', ...NO_SIZE),
        ...wrongTypes('limits.totalBytes', ...NO_SIZE),
        ...wrongTypes('limits.minFreeBytes', ...NO_SIZE),
        ...wrongTypes('limits.liveEntries', 1.5, -1, 'five'),
        ...wrongTypes('handoff.ttl', ...NO_DURATION),
        ...wrongTypes('handoff.maxAttempts', 0, 1.5, '3'),
        ...wrongTypes('sweep.onStart', ...NO_FLAG),
        ...wrongTypes('sweep.every', ...NO_DURATION, '1ms', '30d'),
        ...wrongTypes('sharedVolume', 'yes', 5, null),
        ...wrongTypes('sharedVolume.heartbeat', ...NO_DURATION, '1ms', '1h'),
        ...wrongTypes('sharedVolume.staleAfter', ...NO_DURATION, '1m'),
        ...wrongTypes('signals', ...NO_FLAG),
        ...wrongTypes('preserve', 'yes', 0, 1, null),
        ...wrongTypes('preserve.count', 0, 1.5, '3'),
        ...wrongTypes('preserve.age', ...NO_DURATION),
        ...wrongTypes('onCleanupError', 'ignore', 5, null),
      ],
    },
    { name: 'file', call: (options) => tempManager().file(options), mistakes: fileMistakes },
    { name: 'dir', call: (options) => tempManager().dir(options), mistakes: fileMistakes },
    { name: 'fileAsync', call: (options) => tempManager().fileAsync(options), mistakes: fileMistakes },
    { name: 'dirAsync', call: (options) => tempManager().dirAsync(options), mistakes: fileMistakes },
    { name: 'withFile', call: (options) => tempManager().withFile(options, () => 1), mistakes: fileMistakes },
    { name: 'withDir', call: (options) => tempManager().withDir(options, () => 1), mistakes: fileMistakes },
    { name: 'receive', call: (options) => tempManager().receive('data', options), mistakes: receiveMistakes },
    {
      name: 'file.write',
      call: (options) => tempManager().file().write('data', options),
      mistakes: receiveMistakes,
    },
    {
      name: 'scope.receive',
      call: (options) => tempManager().scope().receive('data', options),
      mistakes: receiveMistakes,
    },
    {
      name: 'adopt',
      call: (options) => {
        const path = join(tempBase(), 'found')
        writeFileSync(path, 'x')
        return tempManager().adopt(path, options)
      },
      mistakes: [...COMMON, meant('inplace', 'inPlace'), ...wrongTypes('inPlace', ...NO_FLAG)],
    },
    {
      name: 'persist',
      call: (options) => tempManager().file().persist(join(tempBase(), 'kept'), options),
      mistakes: [
        ...COMMON,
        meant('overWrite', 'overwrite'),
        meant('force', 'overwrite'),
        meant('permissions', 'mode'),
        ...wrongTypes('overwrite', ...NO_FLAG),
        ...wrongTypes('durable', ...NO_FLAG),
        ...wrongTypes('mode', '0600', -1),
      ],
    },
    {
      name: 'persistSync',
      call: (options) => tempManager().file().persistSync(join(tempBase(), 'kept'), options),
      mistakes: [...COMMON, meant('mkdirp', 'makeParents'), ...wrongTypes('makeParents', ...NO_FLAG)],
    },
    {
      name: 'checkFile',
      call: (rules) => tempManager().checkFile(join(tempBase(), 'missing'), rules),
      mistakes: [
        meant('mimeTypes', 'types'),
        meant('maxSize', 'maxBytes'),
        ...wrongTypes('types', 'image/png', []),
        ...wrongTypes('minBytes', ...NO_SIZE),
      ].map((each) => ({ ...each, option: `rules.${each.option}` })),
    },
    {
      name: 'scope',
      call: (options) => tempManager().scope(options),
      mistakes: [...COMMON, meant('keep', 'preserve'), ...wrongTypes('preserve', true, 'always')],
    },
    {
      name: 'env',
      call: (options) => tempManager().dir().env(options),
      mistakes: [...COMMON, meant('Short', 'short'), ...wrongTypes('short', ...NO_FLAG)],
    },
    {
      name: 'createReadStream',
      call: (options) => tempManager().file().createReadStream(options),
      mistakes: [
        ...COMMON,
        meant('highwaterMark', 'highWaterMark'),
        ...wrongTypes('start', -1, '0', 1.5),
        ...wrongTypes('end', -1, '0'),
        ...wrongTypes('encoding', 'utf-7', 8, null),
        ...wrongTypes('signal', {}, null),
      ],
    },
    {
      name: 'createWriteStream',
      call: (options) => tempManager().file().createWriteStream(options),
      mistakes: [
        ...COMMON,
        meant('flag', 'flags'),
        ...wrongTypes('flags', 'r', 'append', 1),
        ...wrongTypes('start', -1, '0'),
        ...wrongTypes('encoding', 'utf-7'),
        ...wrongTypes('highWaterMark', '64kb'),
      ],
    },
    {
      name: 'blob',
      call: (options) => tempManager().file().blob(options),
      mistakes: [...COMMON, meant('tipe', 'type'), ...wrongTypes('type', 1)],
    },
    {
      name: 'open',
      call: (flags) => tempManager().file().open(flags),
      mistakes: [null, {}, 'append', -1, true].map((options) => ({
        mistake: `the flags ${JSON.stringify(options)}`,
        options,
        option: 'flags',
      })),
    },
    {
      name: 'handOff',
      call: (options) => tempManager().file().handOff(options),
      mistakes: [
        ...COMMON,
        meant('TTL', 'ttl'),
        meant('maxAge', 'ttl'),
        meant('metadata', 'meta'),
        ...wrongTypes('ttl', ...NO_DURATION),
        ...wrongTypes('durable', ...NO_FLAG),
        ...wrongTypes('meta', () => 1, 10n, Symbol('x')),
      ],
    },
    {
      name: 'sweep',
      call: (options) => tempManager().sweep(options),
      mistakes: [
        ...COMMON,
        meant('dryrun', 'dryRun'),
        meant('maxAge', 'removeUnknownAfter'),
        meant('deadline', 'timeLimit'),
        ...wrongTypes('dryRun', ...NO_FLAG),
        ...wrongTypes('signal', {}, null),
        ...wrongTypes('onProgress', 'yes'),
        ...wrongTypes('timeLimit', ...NO_DURATION, '25d'),
        ...wrongTypes('removeUnknownAfter', ...NO_DURATION),
      ],
    },
  ])

  test.each([
    ['withFile', () => tempManager().withFile('.txt' as never)],
    ['withDir', () => tempManager().withDir({ suffix: '.d' } as never)],
    [
      'scope.defer',
      async () =>
        tempManager()
          .scope()
          .defer('later' as never),
    ],
  ] as const)('%s without a function is refused', async (_name, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'ERR_TEMP_OPTION_INVALID', details: { option: 'fn' } })
  })

  test.each([5, null, '', 'a\0b'])('adopt and persist refuse the path %j', async (path) => {
    await expect(tempManager().adopt(path as never)).rejects.toMatchObject({ details: { option: 'path' } })
    await expect(
      tempManager()
        .file()
        .persist(path as never),
    ).rejects.toMatchObject({
      details: { option: 'destination' },
    })
  })

  test('nothing that was refused leaves anything behind', () => {
    const fresh = tempManager()
    failureSync('ERR_TEMP_OPTION_INVALID', () => fresh.file({ sufix: '.txt' } as never))
    expect(fresh.sessionPath).toBeUndefined()
    expect(fresh.stats().entries).toBe(0)
  })
})

describe('times for timers', () => {
  test('a time for a timer may be as long as a timer of Node can wait', () => {
    expect(timerDuration('24d', 'timeout')).toBe(24 * 86_400_000)
    expect(timerDuration(2_147_483_647, 'timeout')).toBe(2_147_483_647)
  })

  test.each(['25d', 2_147_483_648])(
    'a time that is longer than a timer can wait, %j, is refused, and the error names the bound',
    (value) => {
      const error = failureSync('ERR_TEMP_OPTION_INVALID', () => timerDuration(value, 'timeout'))
      expect(error.message).toBe(
        "timeout must be at most 2147483647 milliseconds, or '24d': no timer of Node waits longer.",
      )
    },
  )
})

describe('options objects', () => {
  const check = optionsOf('a test', { title: text, flags: nested({ loud: boolean }), rules: preset(text) })

  test('an options object that is absent has no options', () => {
    expect(check(undefined)).toEqual({})
  })

  test('an options object may hold undefined for an option that is not set', () => {
    expect(check({ title: undefined, flags: { loud: undefined } })).toEqual({
      title: undefined,
      flags: { loud: undefined },
      rules: undefined,
    })
  })

  test('an options object may inherit its options', () => {
    expect(check(Object.create({ title: 'inherited' })).title).toBe('inherited')
  })

  test('the refusal of a nested option names it in full', () => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => check({ flags: { lout: true } }))
    expect(error.details).toEqual({ option: 'flags.lout', meant: 'loud' })
    expect(error.message).toBe('"lout" is not an option of flags. Did you mean loud?')
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'an options object has no option %s',
    (key) => {
      failureSync('ERR_TEMP_OPTION_INVALID', () => check(JSON.parse(`{"${key}": 1}`)))
    },
  )

  test('the refusal of an option never shows its value, which may be a secret', () => {
    const error = failureSync('ERR_TEMP_OPTION_INVALID', () => check({ title: ['s3cret'] }))
    expect(error.message).not.toContain('s3cret')
  })
})
