import { AAuthError, type OnEvent, type Resource } from 'countersign/resource'

/** A resource of which is known why it refused. */
export interface HeardResource {
  readonly resource: Resource
  /** The error that a response was made of. */
  readonly errorOf: (response: Response) => AAuthError | undefined
  /** Whether the resource told the same listener already why it refused. */
  readonly hasTold: (error: AAuthError) => boolean
}

/** @param onEvent whom the gateway tells */
export function hearResource(resource: Resource, onEvent: OnEvent | undefined): HeardResource {
  const errors = new WeakMap<Response, AAuthError>()
  const told = new WeakSet<AAuthError>()
  const tellsToo = onEvent !== undefined && resource.onEvent === onEvent
  const heard: Resource = {
    ...resource,
    async verify(source, options) {
      try {
        return await resource.verify(source, options)
      } catch (error) {
        if (tellsToo && error instanceof AAuthError) told.add(error)
        throw error
      }
    },
    async toResponse(error) {
      const response = await resource.toResponse(error)
      if (error instanceof AAuthError) errors.set(response, error)
      return response
    },
  }
  return { resource: heard, errorOf: (response) => errors.get(response), hasTold: (error) => told.has(error) }
}
