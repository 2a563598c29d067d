import type { AllowedNetwork } from 'countersign'
import { allowedNetworkProblems, egressProxyProblem } from 'countersign/node'
import type { NetworkOptions } from 'countersign/wire'
import { usageError } from '../command/command-error.js'

/** The flags that say where documents may be fetched besides the public internet. */
export interface NetworkFlags {
  allowNetwork?: readonly string[]
  egressProxy?: string
}

/**
 * Reads the flags about networks.
 *
 * @throws CommandError for values that cannot be meant
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
