// The directories that adopt() refuses: a program that runs as root could take one over by a slip, and its end would
// delete it. Guarantee: names alone decide; nothing on the disk is looked at. The names are those of the Filesystem
// Hierarchy Standard 3.0 (refspecs.linuxfoundation.org/FHS_3.0), of macOS and of Windows.

const TOP =
  'bin|boot|dev|etc|home|lib(?:32|64|x32)?|lost\\+found|media|mnt|opt|proc|root|run|sbin|snap|srv|sys|tmp|usr|var' +
  '|applications|cores|library|private|system|users|volumes' +
  '|windows|program files(?: \\(x86\\))?|programdata'

const BELOW = [
  'usr/(?:bin|games|include|lib(?:32|64|x32|exec)?|local|sbin|share|src)',
  'var/(?:backups|cache|db|folders|lib|local|lock|log|mail|opt|run|spool|tmp|www)',
  'private/(?:etc|tmp|var)',
].join('|')

const NAMED = new RegExp(`^(?:[a-z]:)?/(?:(?:${TOP}|${BELOW})/?)?$`, 'i')

/** Whether the absolute path `path`, without links, is that of a directory which the system owns. */
export function isSystemDirectory(path: string): boolean {
  return NAMED.test(path.replaceAll('\\', '/'))
}
