import { expect, test } from 'vitest'
import * as core from '../src/index.ts'

test('the core exports the values of the contract and no other', () => {
  expect(Object.keys(core).sort()).toEqual([
    'TempFileError',
    'TempFileManager',
    'fileRules',
    'getTempManager',
    'isTempFileError',
    'setTempManager',
  ])
})

test('a manager has the public methods of the contract and no other', () => {
  const members = Object.getOwnPropertyNames(core.TempFileManager.prototype).filter(
    (name) => name !== 'constructor',
  )
  expect(members.sort()).toEqual([
    'adopt',
    'checkFile',
    'claim',
    'close',
    'closeSync',
    'createUpload',
    'dir',
    'dirAsync',
    'discard',
    'file',
    'fileAsync',
    'handoffs',
    'inspect',
    'openUpload',
    'receive',
    'removeAll',
    'retry',
    'root',
    'scope',
    'sessionPath',
    'stats',
    'sweep',
    'uploads',
    'usage',
    'withClaim',
    'withDir',
    'withFile',
    'withScope',
  ])
  expect(core.TempFileManager.name).toBe('TempFileManager')
})
