// `completion SHELL`: a completion script, made from the table of commands.

import { type CommandSpec, invalid, type Stage } from '../command.ts'
import { STATUS } from '../exit-status.ts'

export async function completion(
  stage: Stage,
  shell: string,
  commands: readonly CommandSpec[],
): Promise<number> {
  if (shell !== 'bash' && shell !== 'zsh') throw invalid('shell', 'The shell must be bash or zsh.')
  stage.stdout.write(shell === 'bash' ? bash(commands) : zsh(commands))
  return STATUS.done
}

const flagsOf = (command: CommandSpec): string =>
  [...command.options.map(({ name }) => `--${name}`), '--help'].join(' ')
const pathsOf = (commands: readonly CommandSpec[]): string =>
  [...new Set(commands.flatMap(({ options }) => options.filter(({ value }) => value === 'path')))]
    .map(({ name }) => `--${name}`)
    .filter((flag, index, all) => all.indexOf(flag) === index)
    .join('|')

function bash(commands: readonly CommandSpec[]): string {
  return `# bash completion of temp-file-manager: eval "$(temp-file-manager completion bash)"
_temp_file_manager() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words
  case $previous in
    ${pathsOf(commands)})
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(' ')} --help --version'
  else
    case \${COMP_WORDS[1]} in
${commands.map((command) => `      ${command.name}) words='${command.name === 'completion' ? 'bash zsh' : flagsOf(command)}' ;;`).join('\n')}
      *) words='' ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _temp_file_manager temp-file-manager
`
}

function zsh(commands: readonly CommandSpec[]): string {
  const quoted = (text: string): string =>
    text.replaceAll("'", "'\\''").replaceAll(':', '\\:').replaceAll(/[[\]]/g, '')
  const option = ({ name, value, description }: CommandSpec['options'][number]): string =>
    `'--${name}[${quoted(description)}]${value === undefined ? '' : `:${value}:${value === 'path' ? '_files -/' : ''}`}'`
  return `#compdef temp-file-manager
# zsh completion of temp-file-manager: eval "$(temp-file-manager completion zsh)"
_temp_file_manager() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${commands.map(({ name, summary }) => `      '${name}:${quoted(summary)}'`).join('\n')}
    )
    _describe 'command' commands
    return
  fi
  shift words # _arguments takes the first word for the command
  (( CURRENT-- ))
  case $words[1] in
${commands
  .filter(({ options }) => options.length > 0)
  .map(
    ({ name, options }) =>
      `    ${name}) _arguments ${options.map(option).join(' ')} '--help[Print the manual]' ;;`,
  )
  .join('\n')}
    completion) _values shell bash zsh ;;
  esac
}
compdef _temp_file_manager temp-file-manager
`
}
