import { isIdentifier } from 'countersign/discovery'
import { nearestName } from 'countersign/node'
import { type EditionName, editionNames } from '../editions/load-edition.js'

/** The contents of `agent.json`: everything about the agent except its keys, which are stored in files next to it. */
export interface AgentFile {
  id: string
  name?: string | undefined
  edition?: EditionName | undefined
  authServers: readonly string[]
  /** File name of the current signing key, such as `key-abc.json`. */
  signingKey: string
  /** File name of the next signing key. */
  nextKey?: string | undefined
  /** Unix time, in seconds, at which both keys were first seen at the agent's URL. */
  since?: number | undefined
  /** For a personal agent: what its auth server calls this device and its owner. */
  device?: DeviceLogin | undefined
}

/** A device that is logged in at an auth server. */
export interface DeviceLogin {
  /** The name that the owner sees in the list of devices. */
  name: string
  /** The owner's username. */
  account: string
}

const lenientOptions = { allowInsecureLoopback: true, allowPath: true }
const isKeyFile = (value: unknown) => typeof value === 'string' && keyFilePattern.test(value)
const isAgentIdentifier = (value: unknown) => isIdentifier(value, lenientOptions)

/** Key files are named after the key's kid. */
const keyFilePattern = /^key-[\w.-]{1,128}\.json$/

interface MemberRule {
  isRequired: boolean
  must: string
  isFine: (value: unknown) => boolean
}

const members: Readonly<Record<keyof AgentFile, MemberRule>> = {
  id: { isRequired: true, must: 'be the agent’s identifier, such as https://me.example', isFine: isAgentIdentifier },
  name: { isRequired: false, must: 'be 1 to 200 characters on one line, not only spaces', isFine: isAgentName },
  edition: {
    isRequired: false,
    must: `be ${editionNames.join(' or ')}`,
    isFine: (value) => editionNames.some((name) => name === value),
  },
  authServers: {
    isRequired: true,
    must: 'be a list of auth server URLs, such as ["https://auth.example"]',
    isFine: (value) => Array.isArray(value) && value.every(isAgentIdentifier),
  },
  signingKey: {
    isRequired: true,
    must: 'be the name of a file in the same folder that starts with key-, such as key-abc.json',
    isFine: isKeyFile,
  },
  nextKey: {
    isRequired: false,
    must: 'be the name of a file in the same folder that starts with key-, such as key-abc.json',
    isFine: isKeyFile,
  },
  since: { isRequired: false, must: 'be a Unix time in whole seconds', isFine: (value) => Number.isSafeInteger(value) },
  device: {
    isRequired: false,
    must: 'be an object with the members name and account',
    isFine: (value) => isObject(value) && [value.name, value.account].every(isAgentName),
  },
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Whether a value can be shown to users as an agent's name. */
export function isAgentName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 200 && /^(?=.*\S)[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(value)
}

/** Parses the contents of `agent.json`, or returns the first problem found in it. */
export function parseAgentFile(document: Readonly<Record<string, unknown>>): { file: AgentFile } | { problem: string } {
  const known = Object.keys(members)
  for (const name of Object.keys(document)) {
    if (known.includes(name)) continue
    const near = nearestName(name, known)
    return { problem: `has an unknown member ${name}: ${near === undefined ? 'remove it' : `did you mean ${near}?`}` }
  }
  if (isAgentFile(document)) return { file: document }
  const [wrong = '', rule] = Object.entries(members).find(([name, each]) => !isFollowed(each, document[name])) ?? []
  return { problem: `${document[wrong] === undefined ? 'lacks' : 'needs another'} ${wrong}: it must ${rule?.must}` }
}

function isAgentFile(document: object): document is AgentFile {
  return Object.entries(members).every(([name, rule]) => isFollowed(rule, (document as Record<string, unknown>)[name]))
}

function isFollowed({ isRequired, isFine }: MemberRule, value: unknown): boolean {
  return value === undefined ? !isRequired : isFine(value)
}
