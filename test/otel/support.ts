import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { type DataPoint, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { onTestFinished } from 'vitest'

class OnDemandReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

/** The real SDK, with what it exported kept in memory. */
export function telemetry() {
  const exporter = new InMemorySpanExporter()
  const tracing = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const reader = new OnDemandReader()
  const metering = new MeterProvider({ readers: [reader] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  onTestFinished(async () => {
    context.disable()
    await tracing.shutdown()
    await metering.shutdown()
  })

  return {
    tracer: tracing.getTracer('test'),
    meter: metering.getMeter('test'),
    spans: (): readonly ReadableSpan[] => exporter.getFinishedSpans(),
    /** A span and all that are above it, by name, the lowest first. */
    pathOf(name: string): string[] {
      const spans = exporter.getFinishedSpans()
      const path: string[] = []
      let span = spans.find((one) => one.name === name)
      while (span) {
        path.push(span.name)
        const { parentSpanContext } = span
        span = spans.find((one) => one.spanContext().spanId === parentSpanContext?.spanId)
      }
      return path
    },
    span(name: string): ReadableSpan {
      const span = exporter.getFinishedSpans().find((one) => one.name === name)
      if (!span) throw new Error(`there is no span ${name}`)
      return span
    },
    async points(name: string): Promise<readonly DataPoint<unknown>[]> {
      const { resourceMetrics } = await reader.collect()
      const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
      return metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
    },
  }
}
