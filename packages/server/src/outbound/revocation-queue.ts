import { FairQueue } from '../lib/fair-queue.js'
import type { DueDelivery } from '../storage/api/delivery-storage.js'

/** How many revocations are sent at once, in total and to one resource, and how many are held in memory until they can be sent. */
const most = { atOnce: 20, perResource: 3, held: 10_000 } as const

/**
 * The order in which one process sends revocations: users take turns, and so do the resources of each user. A resource that responds slowly
 * occupies only a few of the places, and only its own revocations wait for it. Revocations that do not fit are found in the database again
 * later.
 */
export class RevocationQueue {
  /** Revocations whose resource may have a free place. */
  readonly #waiting = new FairQueue<DueDelivery>()
  /** By resource: the revocations that wait until fewer are being sent to it. Their users take turns. */
  readonly #parked = new Map<string, FairQueue<DueDelivery>>()
  #parkedCount = 0
  /** By resource: how many are being sent. */
  readonly #sending = new Map<string, number>()
  #sendingCount = 0
  /** The ids of all that wait, are parked or are being sent. */
  readonly #ids = new Set<string>()

  /** How many wait or are parked. */
  get size(): number {
    return this.#waiting.size + this.#parkedCount
  }

  /** Adds a revocation, unless it is here already. */
  add(due: DueDelivery): void {
    if (this.#ids.has(due.id)) return
    this.#ids.add(due.id)
    if (this.size >= most.held && this.#parkedCount > this.#waiting.size) this.#displaceParked()
    this.#wait(due)
  }

  /** Takes the revocations that can be sent now. Call {@link done} for each once it has been sent. */
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
    const next = this.#unpark(resource, (parked) => parked.shift())
    if (next) this.#wait(next)
  }

  #wait(due: DueDelivery): void {
    const capacity = most.held - this.#parkedCount
    const displaced = this.#waiting.push(due, { path: [due.userId, due.resource] }, { capacity, most: capacity })
    if (displaced) this.#ids.delete(displaced.id)
  }

  #park(due: DueDelivery): void {
    const parked = this.#parked.get(due.resource) ?? new FairQueue<DueDelivery>()
    this.#parked.set(due.resource, parked)
    parked.push(due, { path: [due.userId] }, { capacity: most.held, most: most.held })
    this.#parkedCount += 1
  }

  #unpark(
    resource: string,
    remove: (parked: FairQueue<DueDelivery>) => DueDelivery | undefined,
  ): DueDelivery | undefined {
    const parked = this.#parked.get(resource)
    const removed = parked && remove(parked)
    if (removed) this.#parkedCount -= 1
    if (parked?.size === 0) this.#parked.delete(resource)
    return removed
  }

  /** Makes room by dropping a revocation to the resource for which the most are parked. */
  #displaceParked(): void {
    let fullest = ''
    let size = 0
    for (const [resource, parked] of this.#parked) {
      if (parked.size <= size) continue
      fullest = resource
      size = parked.size
    }
    const displaced = this.#unpark(fullest, (parked) => parked.removeNewest())
    if (displaced) this.#ids.delete(displaced.id)
  }
}
