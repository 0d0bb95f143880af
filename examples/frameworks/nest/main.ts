import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';
import { AppModule } from './app.module.ts';

/** HTTP and messages from one application. Port 0 is any that is free. */
export async function start(httpPort: number, tcpPort: number) {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  const microservice = app.connectMicroservice({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port: tcpPort },
  });
  await app.startAllMicroservices();
  await app.listen(httpPort, '127.0.0.1');
  return { app, microservice };
}

if (import.meta.main) await start(3000, 3001);
