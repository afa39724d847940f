// The words of the manual's pages. No decisions here.

import type { Page } from './command.ts'

export const PROGRAM: Page = {
  description: [
    'Every program that uses the package temp-file-manager under one name shares one root directory, <base>/<name>-<uid>. These commands look at it from outside. run, retry and discard create a session of their own; none touches what a live process uses.',
    "A command's own manual: temp-file-manager COMMAND --help.",
  ],
  examples: [
    ['temp-file-manager ls --name my-service', 'What is there, whose it is, and how large.'],
    ['temp-file-manager doctor --base-dir /srv/tmp', 'Before the first deployment.'],
  ],
}

export const LS: Page = {
  description: [
    'Lists the sessions (private directories of processes) and the handoffs (files published for other processes) under a root. OWNER is alive, dead or unknown. The dead are removed by the next sweep; the unknown are kept.',
  ],
  examples: [["temp-file-manager ls --json | jq '.bytes'", 'Bytes under the root, for a monitor.']],
}

export const SWEEP: Page = {
  description: [
    'Removes what dead processes left, gives back the handoffs that they had claimed, and removes handoffs whose time to live is over. Every manager does so by itself at its first use and every ten minutes; this is for hosts where none runs, and for looking with --dry-run.',
    'With --prefix it looks at directories outside any root instead, and is a dry run unless --delete is given. A directory is kept if it changed within the given time, is mounted, is used by a process (open, mapped, current or root directory), or if a process cannot be inspected.',
    'A session is removed only on proof by the kernel that its owner is dead. A session that cannot be proven dead is kept and reported with its reason. Two sweeps at once do no harm; a lock spares the second one the work.',
  ],
  examples: [
    ['temp-file-manager sweep --dry-run', 'What would be removed, and why the rest is kept.'],
    [
      '17 * * * * temp-file-manager sweep --name my-service >/dev/null',
      'A line for cron: silent unless something fails.',
    ],
    [
      'temp-file-manager sweep --prefix myapp- --in /tmp --older-than 3d',
      'What old mkdtemp() directories could be removed, and why the others are kept.',
    ],
  ],
}

export const INSPECT: Page = {
  description: ['Shows a handoff: its size, age and metadata, how often it was claimed, and who has it now.'],
  examples: [
    ['temp-file-manager inspect --json 1q2w3e4r5t6y7w8p9a0s1d2f3g', "The same as the manager's inspect()."],
  ],
}

export const RETRY: Page = {
  description: [
    'A handoff that was claimed as often as handoff.maxAttempts allows, and never completed, is a dead letter: kept, listed by ls with its last error, and not claimable. This makes it claimable again, for as many attempts.',
  ],
  examples: [
    ['temp-file-manager retry 1q2w3e4r5t6y7w8p9a0s1d2f3g', 'After the bug in the worker was fixed.'],
  ],
}

export const DISCARD: Page = {
  description: [
    'Deletes a handoff that nobody has claimed, a dead letter or not, without looking at its data.',
  ],
  examples: [
    ['temp-file-manager discard 1q2w3e4r5t6y7w8p9a0s1d2f3g', 'The file cannot be processed at all.'],
  ],
}

export const DOCTOR: Page = {
  description: [
    'Checks the place where the root is or will be: ownership and modes, file system, space, inodes, memory behind a tmpfs, quotas, the emptyDir of Kubernetes, age cleaners (systemd-tmpfiles), lengths of paths, whether the kernel can prove an owner dead here. It makes and removes one private directory in the base directory, and changes nothing else.',
  ],
  examples: [['temp-file-manager doctor --json', 'Each check with its status, for a deployment pipeline.']],
}

export const RUN: Page = {
  description: [
    'Runs a program with TMPDIR, TMP and TEMP set to a new private directory, passes signals on, and ends with the exit status of the program. The directory is removed when the program ends. If this process is killed with SIGKILL, the program keeps its directory, and the next sweep of any program under the same name after the program has ended removes it.',
    'The program inherits a socket as descriptor 3, which proves that the directory is in use. A program that closes it and keeps running after temp-file-manager was killed loses the directory at the next sweep.',
    'It can be pid 1 of a container: signals reach the program, and the container ends with it. It does not wait for orphaned processes of the program; use an init (docker run --init) where a program leaves many.',
  ],
  examples: [
    [
      'temp-file-manager run -- ffmpeg -i in.mov out.mp4',
      'Whatever ffmpeg leaves in its temp directory is removed.',
    ],
    [
      'temp-file-manager run --keep-on-failure -- npm test',
      'Prints where the temporary files are when the tests fail.',
    ],
  ],
  statuses: [
    ['any', 'That of the program.'],
    ['128 + n', 'Signal n ended the program. Real-time signals (34 and more): 0, Node does not report them.'],
    ['127', 'The command was not found.'],
    ['126', 'The command could not be executed.'],
    ['2', 'The command line is wrong: an unknown option or a bad value.'],
    ['1', 'The directory could not be created, so the program did not run.'],
  ],
}

export const COMPLETION: Page = {
  description: ['Prints a script that completes commands and options of this program in bash or zsh.'],
  examples: [
    ['eval "$(temp-file-manager completion bash)"', 'For ~/.bashrc.'],
    ['eval "$(temp-file-manager completion zsh)"', 'For ~/.zshrc, after compinit.'],
  ],
}
