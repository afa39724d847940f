// Does systemd-tmpfiles delete files in this directory by age? Reads its configuration as tmpfiles.d(5) describes: a file
// in /etc hides one of the same name in /run and /usr/lib; the longest path that matches decides; x and X lines exempt.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Later ones are hidden by earlier ones. */
const TMPFILES_DIRECTORIES = [
  '/etc/tmpfiles.d',
  '/run/tmpfiles.d',
  '/usr/local/lib/tmpfiles.d',
  '/usr/lib/tmpfiles.d',
]

export interface AgeRule {
  readonly path: string
  readonly age: string
  /** The file that contains the rule. */
  readonly file: string
}

interface Line {
  readonly type: string
  readonly path: string
  readonly age: string
  readonly file: string
}

/** The rule by which things inside `root` are removed by age; undefined when none does. */
export function ageRuleOf(
  root: string,
  directories: readonly string[] = TMPFILES_DIRECTORIES,
): AgeRule | undefined {
  const lines = configurationLines(directories)
  const exempt = lines.some(
    ({ type, path }) => /^[xX]/.test(type) && ancestors(root).some((above) => matches(path, above)),
  )
  if (exempt) return undefined
  const rules = lines.filter(
    ({ type, path, age }) =>
      /^[dDevqQCm]/.test(type) && !/^-?$/.test(age) && ancestors(root).some((above) => matches(path, above)),
  )
  return rules.sort((a, b) => b.path.length - a.path.length)[0]
}

function configurationLines(directories: readonly string[]): Line[] {
  const files = new Map<string, string>()
  for (const directory of directories) {
    for (const name of filesIn(directory)) {
      if (name.endsWith('.conf') && !files.has(name)) files.set(name, join(directory, name))
    }
  }
  return [...files.values()].flatMap((file) => parseTmpfiles(read(file), file))
}

/** The lines of one file: type, path, mode, user, group, age. */
export function parseTmpfiles(text: string, file: string): Line[] {
  return text.split('\n').flatMap((line) => {
    if (/^\s*(?:#|$)/.test(line)) return []
    const fields = line.match(/"(?:[^"\\]|\\.)*"|'[^']*'|\S+/g) ?? []
    const [type, path, , , , age = '-'] = fields.map((field) => field.replace(/^(["'])(.*)\1$/, '$2'))
    return type === undefined || path === undefined ? [] : [{ type, path, age, file }]
  })
}

/** The path itself and every directory above it. */
function ancestors(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

/** glob(3) of one path, without crossing a slash. */
function matches(glob: string, path: string): boolean {
  const pattern = glob
    .replace(/\/+$/, '')
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  try {
    return new RegExp(`^${pattern}$`).test(path)
  } catch {
    return basename(glob) === basename(path) // a class we cannot read
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
