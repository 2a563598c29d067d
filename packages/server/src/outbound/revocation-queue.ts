import { FairQueue } from '../lib/fair-queue.js'
import type { DueDelivery } from '../storage/api/delivery-storage.js'

/** How many revocations are sent at once, in total and to one resource, and how many wait in memory. */
const most = { atOnce: 20, perResource: 3, waiting: 10_000 } as const

/**
 * The order in which one process sends revocations: users take turns, and so do the resources of each user. A resource that responds slowly
 * occupies only a few of the places. What does not fit is found in the database again later.
 */
export class RevocationQueue {
  readonly #waiting = new FairQueue<DueDelivery>()
  /** By resource: what must wait until fewer are being sent to it. */
  readonly #parked = new Map<string, DueDelivery[]>()
  #parkedCount = 0
  /** By resource: how many are being sent. */
  readonly #sending = new Map<string, number>()
  #sendingCount = 0
  /** All that wait, are parked or are being sent. */
  readonly #ids = new Set<string>()

  /** How many wait or are parked. */
  get size(): number {
    return this.#waiting.size + this.#parkedCount
  }

  /** Adds a revocation, unless it is here already. */
  add(due: DueDelivery): void {
    if (this.#ids.has(due.id)) return
    this.#ids.add(due.id)
    this.#push(due)
  }

  /** Takes the revocations that can be sent now. Call {@link done} for each when it was sent. */
  take(): DueDelivery[] {
    const taken: DueDelivery[] = []
    while (this.#sendingCount < most.atOnce) {
      const due = this.#waiting.shift()
      if (!due) break
      const sending = this.#sending.get(due.resource) ?? 0
      if (sending >= most.perResource) {
        this.#park(due)
        continue
      }
      this.#sending.set(due.resource, sending + 1)
      this.#sendingCount += 1
      taken.push(due)
    }
    return taken
  }

  /** Frees the place of a revocation that was taken. */
  done({ id, resource }: DueDelivery): void {
    this.#ids.delete(id)
    this.#sendingCount -= 1
    const left = (this.#sending.get(resource) ?? 1) - 1
    if (left > 0) this.#sending.set(resource, left)
    else this.#sending.delete(resource)
    const next = this.#unpark(resource)
    if (next) this.#push(next)
  }

  #push(due: DueDelivery): void {
    const capacity = most.waiting - this.#parkedCount
    const displaced = this.#waiting.push(due, { path: [due.userId, due.resource] }, { capacity, most: capacity })
    if (displaced) this.#ids.delete(displaced.id)
  }

  #park(due: DueDelivery): void {
    const parked = this.#parked.get(due.resource)
    if (parked) parked.push(due)
    else this.#parked.set(due.resource, [due])
    this.#parkedCount += 1
  }

  #unpark(resource: string): DueDelivery | undefined {
    const parked = this.#parked.get(resource)
    const next = parked?.shift()
    if (next) this.#parkedCount -= 1
    if (parked?.length === 0) this.#parked.delete(resource)
    return next
  }
}
