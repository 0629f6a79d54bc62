// Run: node examples/frameworks/nest.ts
import 'reflect-metadata'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { toNodeHandler } from 'generation-jobs/node'
import { handler } from './generation.ts'

class AppModule {}
Module({})(AppModule) // `@Module({})`, in a file that Node runs without a compiler

const app = await NestFactory.create(AppModule, { logger: false })
app.use('/api/generate', toNodeHandler(handler))
await app.listen(Number(process.env.PORT ?? 3000))
export const server = app.getHttpServer()
