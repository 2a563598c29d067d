import { isIP } from 'node:net'
import type { AllowedNetwork } from 'countersign'
import { identifierRepair, isIdentifier, isLoopbackIdentifier, type NetworkOptions } from 'countersign/discovery'
import { allowedNetworkProblems, egressProxyProblem } from 'countersign/node'
import { usageError } from '../command/errors.js'

/** The flags for networks from which documents may be fetched, in addition to the public internet. */
export interface NetworkFlags {
  allowNetwork?: readonly string[]
  egressProxy?: string
}

/**
 * Parses the network flags.
 *
 * @throws CommandError for invalid values
 */
export function readNetworkFlags({ allowNetwork = [], egressProxy }: NetworkFlags): NetworkOptions {
  const proxyProblem = egressProxy === undefined ? undefined : egressProxyProblem(egressProxy)
  if (proxyProblem !== undefined) throw usageError(`--egress-proxy ${proxyProblem}.`)
  return {
    allowNetworks: allowNetwork.map(readNetwork),
    egressProxy,
  }
}

function readNetwork(text: string): AllowedNetwork {
  const [, cidr = '', target] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? []
  const [, host = target, port] = /^(.*):(\d+)$/.exec(target ?? '') ?? []
  const network: AllowedNetwork = { cidr }
  if (host !== undefined) network.hosts = [host]
  if (port !== undefined) network.ports = [Number(port)]
  const [first] = allowedNetworkProblems(network)
  if (!first) return network
  const [member] = first.path
  const what = member === 'hosts' ? `the host of ${text}` : member === 'ports' ? `the port of ${text}` : cidr
  throw usageError(`--allow-network: ${what} ${first.problem}.`)
}

const lenientOptions = { allowInsecureLoopback: true, allowPath: true }

/** Requires a flag's value to be an identifier. `loopback` states whether `http` on loopback is allowed, or else what would allow it. */
export function requireIdentifierFlag(name: string, text: string, loopback: 'allowed' | { allowedBy: string }): string {
  if (!isIdentifier(text, lenientOptions)) throw usageError(problemOf(name, text))
  if (loopback !== 'allowed' && isLoopbackIdentifier(text))
    throw usageError(`${name}: http on loopback requires ${loopback.allowedBy}.`)
  return text
}

/** Describes why a string is not an identifier, and what to use instead. */
function problemOf(name: string, text: string): string {
  const repair = identifierRepair(text, lenientOptions)
  if (repair !== undefined) return `${name} is not a valid identifier: ${repair}.`
  const { hostname = '', port = '' } = URL.canParse(text) ? new URL(text) : {}
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0)
    return `${text} cannot be used because its host is an IP address. Use a host name, such as https://api.example, or on this machine http://127.0.0.1:${port || '8080'}.`
  const why = hostname !== '' && !hostname.includes('.') ? 'its host has no dot: ' : ''
  return `${name} is not a valid identifier: ${why}${form}.`
}

const form =
  'use https:// and a full lowercase host name, such as api.example, without username, query, default port ' +
  'or trailing slash; or http on 127.0.0.1, [::1] or localhost, with a port'

/** Parses a port: the value of `--port`, or part of another flag's value. */
export function readPort(text: string, flag = '--port'): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw usageError(`${flag} must be a number from 0 to 65535; 0 chooses a free port.`)
}

/** Parses Unix seconds from a flag; undefined if the flag is not given. */
export function parseSeconds(flag: string, text: unknown): number | undefined {
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d{1,12}$/.test(text)) return Number(text)
  throw usageError(`${flag} must be a time in Unix seconds, such as 1769900000.`)
}
