import type { OptionalPackage } from '../command/require-package.js'
import { editionNames } from '../editions/load-edition.js'
import type { Run } from '../terminal/terminal.js'
import type { PageTitle } from './documentation-pages.js'

/** A flag with more properties than its description. */
interface FlagDetails {
  description: string
  /** The command does not run unless this flag, or the alternative named in `or`, is given. The usage line shows it. */
  required?: true | { or: string }
  /** The only values that the flag accepts. */
  choices?: readonly string[]
  /** The flag may be given several times; its value is then a list. */
  repeated?: true
  /** Flags that cannot be combined with this one, by option name. */
  conflicts?: readonly string[]
}

/** Flags in the order in which the help lists them, in commander's notation (`--db <file>`), with their descriptions. */
export type FlagTable = Readonly<Record<string, string | FlagDetails>>

/** A flag of a command. */
export interface Flag extends FlagDetails {
  /** In commander's notation. */
  flags: string
}

/** A positional argument, in commander's notation: `<url>`, or `[id]` if it is optional. */
interface Subject {
  name: string
  description: string
  /** The only values that the argument accepts. */
  choices?: readonly string[]
}

/** A command as the help shows it. Its implementation is loaded when the command runs. */
export interface Command {
  /** The words after `countersign`, such as `server users add`. */
  name: string
  about: string
  /** Words that users may guess instead of the last word of the name, such as `restore`. */
  guesses?: readonly string[]
  subjects?: readonly Subject[]
  flags: readonly Flag[]
  /** A command line to copy, without `countersign`. */
  example: string
  /** Title of the documentation page that explains the command. */
  page: PageTitle
  /** The package that must be installed when the command runs. */
  needs?: OptionalPackage | undefined
  /** Loads the implementation. The flags passed to it are those in the table. */
  readonly load: () => Promise<Run<never>>
}

export interface CommandRow extends Omit<Command, 'flags'> {
  flags: FlagTable
}

/** Returns the commands of a table. */
export function commandsOf(rows: readonly CommandRow[]): readonly Command[] {
  return rows.map((row) => {
    const flags = Object.entries(row.flags).map(([flag, details]) =>
      typeof details === 'string' ? { flags: flag, description: details } : { flags: flag, ...details },
    )
    return { ...row, flags }
  })
}

/** Returns the command's usage line after `countersign`: its arguments, its required flags, and `[options]` for all other flags. */
export function usageOf({ name, subjects = [], flags }: Command): string {
  const required = flags.flatMap(({ flags: flag, required: how, repeated }) => {
    if (how === undefined) return []
    const long = flag.replace(/^-\w, /, '')
    return [how === true ? `${long}${repeated ? '...' : ''}` : `(${long} | ${how.or})`]
  })
  const isOptional = ({ required: how }: Flag) => how === undefined
  return [
    name,
    ...subjects.map((subject) => subject.name),
    ...required,
    ...(flags.some(isOptional) ? ['[options]'] : []),
  ].join(' ')
}

/** Flag for commands whose result is one JSON document. */
export const json: FlagTable = { '--json': 'Print one JSON document' }

/** Flag for commands that understand several editions of AAuth. */
export function editionFlag(about: string, byDefault: string = editionNames[0]): FlagTable {
  const description = `${about}; default: ${byDefault}`
  return { '--edition <name>': { description, choices: editionNames } }
}

/** Flag for commands that fetch from peers. */
export const allowNetwork: FlagTable = {
  '--allow-network <network>': {
    description:
      'A private network in which peers may be contacted: CIDR, CIDR=HOST or CIDR=HOST:PORT; may be given several times',
    repeated: true,
  },
}

/** Flag for commands that may run on a machine without direct internet access. */
export const egressProxy: FlagTable = {
  '--egress-proxy <url>': 'The HTTP proxy for outgoing requests, if there is no direct internet access',
}

/** Flag for commands that write their result to a new file. */
export function outputFile(description: string, required?: true): FlagTable {
  return { '-o, --output <file>': { description, ...(required ? { required } : {}) } }
}

/** Flags for commands that take a request in the way curl does. */
export const curlRequest: FlagTable = {
  '-X, --request <method>': 'The method; default: GET, or POST with a body',
  '-H, --header <line>': {
    description:
      'A "Name: value" line, or @file with several lines, or @- for standard input; may be given several times',
    repeated: true,
  },
  '-d, --data <data>': {
    description: 'Form data, or @file, or @- for standard input; several values are joined with &',
    repeated: true,
  },
  '--data-binary <data>': { description: 'Like --data, but sent byte for byte', repeated: true },
  '-F, --form <name=content>': {
    description: 'A field of a multipart form, or name=@file to upload a file; may be given several times',
    repeated: true,
  },
}
