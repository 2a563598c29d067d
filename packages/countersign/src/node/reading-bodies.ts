import type { CountedBody } from '../httpsig/receive-incoming.js'
import { AAuthError } from '../lib/errors.js'
import { networkOf } from '../lib/network-of.js'

const mebibyte = 1_048_576

/** Number of bytes that a body counts as before any of it has arrived, because a request also takes memory. */
const leastBytes = 16_384

/** Number of seconds without a byte after which reading a body is aborted. */
const readTimeout = 20

/** The body of a request that is being read, and the parties toward whose limits it counts. */
interface OpenBody {
  /** The HTTP/2 session. Absent over HTTP/1.1, where a connection has only one request in progress. */
  readonly session: object | undefined
  /** The client's address. */
  readonly address: string | undefined
  /** Stops reading, and refuses the request. */
  readonly stop: (refusal: AAuthError) => void
}

/**
 * Limits the memory that one listener uses for incomplete bodies: 64 MiB in total, 32 MiB per network (IPv4 /24, IPv6 /48) and 4 MiB per
 * HTTP/2 session, or more if needed for a body of the maximum size. If a session or network exceeds its limit, its largest body is refused
 * with 503. If the total is exceeded, the largest body of the network that uses the most memory is refused. A body is refused with 408 if
 * none of its data arrives for 20 seconds.
 */
export class ReadingBodies {
  readonly #most: { readonly all: number; readonly network: number; readonly session: number }
  readonly #all: Holder = { bytes: 0, bodies: new Set() }
  readonly #networks = new Map<string, Holder>()
  readonly #sessions = new Map<object, Holder>()
  #checking: NodeJS.Timeout | undefined

  /** @param maxBody size of the largest accepted body, in bytes */
  constructor(maxBody: number) {
    this.#most = {
      all: Math.max(64 * mebibyte, 4 * maxBody),
      network: Math.max(32 * mebibyte, 2 * maxBody),
      session: Math.max(4 * mebibyte, maxBody + leastBytes),
    }
  }

  /** Starts counting a body. */
  open({ session, address, stop }: OpenBody): CountedBody {
    const network = networkOf(address ?? '', 'site')
    const body: Body = { bytes: 0, seconds: 0, session, network, stop }
    const holders = [this.#all, holderOf(this.#networks, network)]
    if (session) holders.push(holderOf(this.#sessions, session))
    for (const { bodies } of holders) bodies.add(body)
    this.#checking ??= setInterval(() => this.#check(), 1000).unref()
    this.#add(body, leastBytes)
    return { add: (bytes) => this.#add(body, bytes), close: () => this.#remove(body) }
  }

  #holdersOf({ network, session }: Body): (readonly [Holder | undefined, number])[] {
    return [
      [session && this.#sessions.get(session), this.#most.session],
      [this.#networks.get(network), this.#most.network],
    ]
  }

  #add(body: Body, bytes: number): void {
    if (!this.#all.bodies.has(body)) return
    body.seconds = 0
    body.bytes += bytes
    this.#all.bytes += bytes
    const holders = this.#holdersOf(body)
    for (const [holder] of holders) if (holder) holder.bytes += bytes
    for (const [holder, most] of holders) if (holder && holder.bytes > most) this.#refuseLargest(holder)
    if (this.#all.bytes <= this.#most.all) return
    let fullest: Holder | undefined
    for (const holder of this.#networks.values()) if (holder.bytes > (fullest?.bytes ?? 0)) fullest = holder
    if (fullest) this.#refuseLargest(fullest)
  }

  #refuseLargest({ bodies }: Holder): void {
    let largest: Body | undefined
    for (const body of bodies) if (body.bytes > (largest?.bytes ?? 0)) largest = body
    if (largest)
      this.#refuse(largest, new AAuthError('unavailable', 'Too much request data is being received: try again later.'))
  }

  #refuse(body: Body, refusal: AAuthError): void {
    this.#remove(body)
    body.stop(refusal)
  }

  #remove(body: Body): void {
    if (!this.#all.bodies.delete(body)) return
    this.#all.bytes -= body.bytes
    for (const [holder] of this.#holdersOf(body)) {
      if (!holder) continue
      holder.bodies.delete(body)
      holder.bytes -= body.bytes
    }
    if (this.#networks.get(body.network)?.bodies.size === 0) this.#networks.delete(body.network)
    if (body.session && this.#sessions.get(body.session)?.bodies.size === 0) this.#sessions.delete(body.session)
  }

  #check(): void {
    // The timer is stopped here rather than when the last body is removed: on a busy server, that would create a timer for each body.
    if (this.#all.bodies.size === 0) {
      clearInterval(this.#checking)
      this.#checking = undefined
    }
    for (const body of this.#all.bodies)
      if (++body.seconds >= readTimeout)
        this.#refuse(body, new AAuthError('body_late', `No body data arrived for ${readTimeout} seconds.`))
  }
}

interface Body extends Pick<OpenBody, 'session' | 'stop'> {
  bytes: number
  /** Seconds since the last byte. */
  seconds: number
  readonly network: string
}

/** A session, a network, or the total. */
interface Holder {
  bytes: number
  readonly bodies: Set<Body>
}

function holderOf<K>(holders: Map<K, Holder>, key: K): Holder {
  const holder = holders.get(key) ?? { bytes: 0, bodies: new Set() }
  holders.set(key, holder)
  return holder
}
