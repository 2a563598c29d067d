// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of the shell
import { exitStatus, usageError } from '../command/errors.js'
import type { Run } from '../terminal/terminal.js'
import { quoteForShell } from '../terminal/text.js'
import type { Command, Flag } from './command-row.js'

/** The shells for which there is a completion script. */
export const shells = ['bash', 'zsh', 'fish'] as const

type Shell = (typeof shells)[number]

/** Returns the `countersign completion` command, which prints a script that completes the given commands. */
export function completionOf(
  commands: readonly Command[],
  groups: Readonly<Record<string, string>>,
): Run<Record<never, never>> {
  return async (_flags, terminal, shell) => {
    const render = renderers[shell as Shell] as Renderer | undefined
    if (!render) throw usageError(`completion requires a shell name: ${shells.join(', ')}.`)
    terminal.write(render(completionTree(commands, groups)))
    return exitStatus.done
  }
}

/** A word that can be completed. */
interface Completion {
  word: string
  about: string
}

/** The possible next words after a command or group. */
interface CompletionNode {
  /** The words after `countersign`, each with a space before it; empty for `countersign` itself. */
  line: string
  completions: readonly Completion[]
  flags: readonly { names: readonly string[]; about: string; takesValue: boolean; values: readonly string[] }[]
}

function completionTree(
  commands: readonly Command[],
  groups: Readonly<Record<string, string>>,
): readonly CompletionNode[] {
  const entries = [
    ...Object.entries(groups).map(([name, about]) => ({ name, about })),
    ...commands.map(({ name, about }) => ({ name, about })),
  ]
  const within = (group: string): Completion[] =>
    entries
      .filter(({ name }) => name.split(' ').slice(0, -1).join(' ') === group)
      .map(({ name, about }) => ({ word: name.split(' ').at(-1) ?? '', about }))
  return [
    { line: '', completions: within(''), flags: [] },
    ...Object.keys(groups).map((group) => ({ line: ` ${group}`, completions: within(group), flags: [] })),
    ...commands.map(({ name, subjects = [], flags }) => ({
      line: ` ${name}`,
      completions: subjects.flatMap(({ choices = [], description }) =>
        choices.map((word) => ({ word, about: description })),
      ),
      flags: flags.map(completionFlag),
    })),
  ]
}

function completionFlag({ flags, description, choices = [] }: Flag): CompletionNode['flags'][number] {
  return {
    names: flags.split(/, | /).filter((word) => word.startsWith('-')),
    about: description,
    takesValue: flags.includes('<'),
    values: choices,
  }
}

type Renderer = (nodes: readonly CompletionNode[]) => string

/** The command lines that are prefixes of commands, as patterns for a `case`. */
function knownLines(nodes: readonly CompletionNode[]): string {
  return nodes
    .filter(({ line }) => line !== '')
    .map(({ line }) => quoteForShell(line))
    .join('|')
}

/** The branches of a `case` on the line and the previous word, for flags that take a value. */
function valueBranches(nodes: readonly CompletionNode[], branch: (values: readonly string[]) => string): string[] {
  return nodes.flatMap(({ line, flags }) =>
    flags
      .filter(({ takesValue }) => takesValue)
      .map(({ names, values }) => {
        const patterns = names.map((name) => quoteForShell(`${line} ${name}`)).join('|')
        return `    ${patterns}) ${branch(values)} ;;`
      }),
  )
}

const renderers: Readonly<Record<Shell, Renderer>> = {
  bash: (nodes) =>
    [
      '# bash completion for countersign; to load it: source <(countersign completion bash)',
      '_countersign() {',
      '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}',
      "  local line='' words='' word",
      '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
      '    case "$line $word" in',
      `      ${knownLines(nodes)}) line="$line $word" ;;`,
      '    esac',
      '  done',
      '  COMPREPLY=()',
      '  case "$line $previous" in',
      ...valueBranches(nodes, (values) =>
        values.length === 0
          ? 'return'
          : `COMPREPLY=($(compgen -W ${quoteForShell(values.join(' '))} -- "$current")); return`,
      ),
      '  esac',
      '  case "$line" in',
      ...nodes.map(({ line, completions, flags }) => {
        const words = [...completions.map(({ word }) => word), ...flags.flatMap(({ names }) => names), '--help']
        return `    ${quoteForShell(line)}) words=${quoteForShell(words.join(' '))} ;;`
      }),
      '  esac',
      '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
      '}',
      '# Falls back to file names.',
      'complete -o default -F _countersign countersign',
      '',
    ].join('\n'),
  zsh: (nodes) =>
    [
      '#compdef countersign',
      '# zsh completion for countersign; to load it: source <(countersign completion zsh)',
      '_countersign() {',
      "  local line='' word",
      '  local -a choices',
      '  for word in ${words[2,CURRENT-1]}; do',
      '    case "$line $word" in',
      `      (${knownLines(nodes)}) line="$line $word" ;;`,
      '    esac',
      '  done',
      '  case "$line ${words[CURRENT-1]}" in',
      ...valueBranches(nodes, (values) =>
        values.length === 0 ? '_files; return' : `compadd -- ${values.map(quoteForShell).join(' ')}; return`,
      ),
      '  esac',
      '  case "$line" in',
      ...nodes.map(({ line, completions, flags }) => {
        const long = flags.map(({ names, about }) => ({ word: names.at(-1) ?? '', about }))
        const choices = [...completions, ...long, { word: '--help', about: 'Show the help' }]
        const shown = choices.map(({ word, about }) => quoteForShell(`${word}:${about.replaceAll(':', '\\:')}`))
        return `    (${quoteForShell(line)}) choices=(${shown.join(' ')}) ;;`
      }),
      '  esac',
      '  if [[ $PREFIX != -* && -n $line ]] && (( ${#choices} == 0 )); then _files; return; fi',
      '  _describe countersign choices || _files',
      '}',
      'if [[ ${funcstack[1]} == _countersign ]]; then _countersign "$@"; else compdef _countersign countersign; fi',
      '',
    ].join('\n'),
  fish: (nodes) =>
    [
      '# fish completion for countersign; to load it: countersign completion fish | source',
      'function __countersign_line',
      "  set -l line ''",
      '  for word in (commandline -opc)[2..]',
      '    switch "$line $word"',
      `      case ${nodes
        .filter(({ line }) => line !== '')
        .map(({ line }) => quoteForFish(line))
        .join(' ')}`,
      '        set line "$line $word"',
      '    end',
      '  end',
      '  test "$line" = "$argv[1]"',
      'end',
      ...nodes.flatMap(({ line, completions, flags }) => {
        const here = `complete -c countersign -n ${quoteForFish(`__countersign_line ${quoteForFish(line)}`)}`
        return [
          ...completions.map(({ word, about }) => `${here} -f -a ${quoteForFish(word)} -d ${quoteForFish(about)}`),
          ...flags.map(({ names, about, takesValue, values }) => {
            const flagged = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
            const value = values.length > 0 ? `-x -a ${quoteForFish(values.join(' '))}` : takesValue ? '-r' : ''
            return `${here} ${[...flagged, value].filter(Boolean).join(' ')} -d ${quoteForFish(about)}`
          }),
        ]
      }),
      '',
    ].join('\n'),
}

/** Quotes a string as a single word for fish. */
function quoteForFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
