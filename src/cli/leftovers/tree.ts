// Everything in one tree, for a judgement of all of it. Guarantee: no link is followed, names that are not UTF-8 included.

import { type BigIntStats, lstatSync, readdirSync } from 'node:fs'
import { joinPath } from '../../disk/paths.ts'
import { identityOf } from './process-use.ts'

export interface Tree {
  readonly top: BigIntStats
  /** The names directly in it. */
  readonly names: readonly string[]
  /** Device and inode of everything in it. */
  readonly identities: readonly string[]
  /** The paths of unix sockets in it. */
  readonly sockets: readonly (string | Buffer)[]
  /** The latest change of anything in it, in milliseconds since 1970. */
  readonly latest: number
}

/** Whether bytes are text: a name that is not cannot be part of a path of text. */
export function isUtf8(name: Buffer): boolean {
  return Buffer.from(name.toString()).equals(name)
}

/** Everything in a tree. Throws the system's error. */
export function treeOf(path: string | Buffer): Tree {
  const top = lstatSync(path, { bigint: true })
  const identities: string[] = []
  const sockets: (string | Buffer)[] = []
  const directories: (string | Buffer)[] = []
  let names: string[] | undefined
  let latest = 0
  const visit = (each: string | Buffer, stats: BigIntStats): void => {
    identities.push(identityOf(stats))
    latest = Math.max(latest, Number(stats.mtimeMs), Number(stats.ctimeMs))
    if (stats.isDirectory()) directories.push(each)
    if (stats.isSocket()) sockets.push(each)
  }
  visit(path, top)
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    const inside = readdirSync(directory, { encoding: 'buffer' })
    names ??= inside.map(String)
    for (const name of inside) {
      const child = joinPath(directory, isUtf8(name) ? name.toString() : name)
      visit(child, lstatSync(child, { bigint: true }))
    }
  }
  return { top, names: names ?? [], identities, sockets, latest }
}
