import { get } from 'node:http'

/** The status of a GET on this local port, with these `Host` headers. */
export function statusForHost(port: number, path: string, ...hosts: string[]): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = hosts.flatMap((host) => ['Host', host])
    get({ port, path, host: '127.0.0.1', headers, setHost: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject)
  })
}
