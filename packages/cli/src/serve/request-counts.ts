/** How many requests were answered with what: the labels are the classes of statuses and no others. */
export interface RequestCounts {
  /** Notes an answer. */
  add(status: number): void
  /** In the text format of Prometheus. */
  render(logWriteErrors: number): string
}

export function createRequestCounts(): RequestCounts {
  const counts = new Map(['2xx', '3xx', '4xx', '5xx'].map((label) => [label, 0]))
  return {
    add(status) {
      const label = `${Math.trunc(status / 100)}xx`
      const count = counts.get(label)
      if (count !== undefined) counts.set(label, count + 1)
    },
    render(logWriteErrors) {
      const requests = [...counts].map(([label, count]) => `countersign_requests_total{status="${label}"} ${count}`)
      return [
        '# TYPE countersign_requests_total counter',
        ...requests,
        '# TYPE countersign_log_write_errors_total counter',
        `countersign_log_write_errors_total ${logWriteErrors}`,
        '',
      ].join('\n')
    },
  }
}
