// Metrics of generations for Prometheus, and a dashboard for Grafana (dashboard.json). Run: node examples/metrics/main.ts
// http://127.0.0.1:9464/metrics then shows them; with --once the program prints them and ends.
import { argv } from 'node:process'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { GenerationJobManager } from 'generation-jobs'
import { instrumentManager } from 'generation-jobs/otel'
import { makeTraffic } from './traffic.ts'

const isOnce = argv.includes('--once')
const exporter = new PrometheusExporter({ host: '127.0.0.1', port: isOnce ? 0 : 9464, preventServerStart: isOnce })
const provider = new MeterProvider({ readers: [exporter] })

const manager = new GenerationJobManager({ logger: false, maxConcurrentJobs: 8, gracePeriodMs: 1_000 })
const stop = instrumentManager(manager, {
  meter: provider.getMeter('generation-jobs'),
  attributes: ({ metadata }) => ({ 'gen_ai.request.model': String(metadata?.model) }),
})

await makeTraffic(manager)
if (isOnce) {
  const { PrometheusSerializer } = await import('@opentelemetry/exporter-prometheus')
  console.log(new PrometheusSerializer().serialize((await exporter.collect()).resourceMetrics))
} else {
  console.log('http://127.0.0.1:9464/metrics (Ctrl-C ends)')
  for (;;) await makeTraffic(manager)
}
stop()
await manager.close()
await provider.shutdown()
