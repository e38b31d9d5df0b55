//! [`DynamoDbTable`]: leases in DynamoDB, in the form of the Kinesis Client Library 2.x.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Change, Checkpoint, Lease, LeaseTable, Shard};
use crate::aws::dynamodb::TableClient;
use crate::aws::retry::{Retry, Trouble, jitter};
use crate::{Error, ErrorKind, Position};

/// For how long a call is tried.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a new table may take to be there.
const MAKING: Duration = Duration::from_secs(120);

const KEY: &str = "leaseKey";
const OWNER: &str = "leaseOwner";
const COUNTER: &str = "leaseCounter";
const CHECKPOINT: &str = "checkpoint";
const SUB_SEQUENCE: &str = "checkpointSubSequenceNumber";
const ENTITY: &str = "entityType";

const TRIM_HORIZON: &str = "TRIM_HORIZON";
const LATEST: &str = "LATEST";
const AT_TIMESTAMP: &str = "AT_TIMESTAMP";
const SHARD_END: &str = "SHARD_END";

type Item = HashMap<String, AttributeValue>;

/// Leases in a DynamoDB table, in the form of the Kinesis Client Library 2.x, so that what shows such tables shows this one.
///
/// The table has one row for each shard, with the key `leaseKey`. Attributes that are not known here, such as those of
/// version 3 of the library, stay as they are, and rows that are not leases are left alone. Workers of the library and of
/// this crate must not share a table: they do not share results.
///
/// | permission | for |
/// |---|---|
/// | `dynamodb:Scan`, `dynamodb:GetItem` | looking |
/// | `dynamodb:PutItem`, `dynamodb:UpdateItem`, `dynamodb:DeleteItem` | leases and checkpoints |
/// | `dynamodb:DescribeTable`, `dynamodb:CreateTable` | the table, at the start; it is paid by request |
///
/// A worker scans the table every three seconds, and renews its leases three times in the failover time.
#[derive(Debug)]
pub struct DynamoDbTable {
    client: TableClient,
    retry: Retry,
}

/// Makes a [`DynamoDbTable`].
#[derive(Debug)]
#[must_use = "a builder makes nothing until `build` is awaited"]
pub struct DynamoDbTableBuilder {
    name: String,
    sdk_config: Option<SdkConfig>,
}

impl DynamoDbTableBuilder {
    /// The SDK's configuration in the place of the environment's.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.sdk_config = Some(config);
        self
    }

    /// Makes the client. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) if the name is none for a table, or there is no region.
    pub async fn build(self) -> Result<DynamoDbTable, Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(3..=255).contains(&self.name.len()) || !self.name.bytes().all(allowed) {
            return Err(Error::new(ErrorKind::Usage, "this is not the name of a DynamoDB table")
                .at(format!("{:?}", self.name))
                .cure("it has 3 to 255 letters, digits, '_', '.' or '-'"));
        }
        let client = TableClient::new(self.name, self.sdk_config).await?;
        Ok(DynamoDbTable { client, retry: Retry::brief(PATIENCE, jitter()) })
    }
}

impl DynamoDbTable {
    /// The table of that name.
    pub fn builder(name: impl Into<String>) -> DynamoDbTableBuilder {
        DynamoDbTableBuilder { name: name.into(), sdk_config: None }
    }

    /// Whether there is a table.
    async fn is_there(&self) -> Result<bool, Trouble> {
        let describe = || {
            let call = self.client.client.describe_table().table_name(&self.client.table).send();
            call.map(|answer| match answer {
                Ok(_) => Ok(true),
                Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                    Ok(false)
                }
                Err(error) => Err(self.client.trouble("cannot look at the lease table", &error)),
            })
            .boxed()
        };
        self.retry.call(describe).await
    }

    /// Makes the table, unless another worker does so at the same time.
    async fn make(&self) -> Result<(), Trouble> {
        let invalid = |error: aws_sdk_dynamodb::error::BuildError| Trouble {
            class: crate::aws::retry::Class::Fatal,
            error: Error::new(ErrorKind::Invalid, "cannot say how the lease table is made").because(error),
        };
        let attribute = AttributeDefinition::builder().attribute_name(KEY).attribute_type(ScalarAttributeType::S);
        let attribute = attribute.build().map_err(invalid)?;
        let key = KeySchemaElement::builder().attribute_name(KEY).key_type(KeyType::Hash).build().map_err(invalid)?;
        let create = || {
            let call = self.client.client.create_table().table_name(&self.client.table);
            let call = call.attribute_definitions(attribute.clone()).key_schema(key.clone());
            call.billing_mode(BillingMode::PayPerRequest)
                .send()
                .map(|answer| match answer {
                    Ok(_) => Ok(()),
                    Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) => Ok(()),
                    Err(error) => Err(self.client.trouble("cannot make the lease table", &error)),
                })
                .boxed()
        };
        self.retry.call(create).await
    }

    async fn wait(&self) -> Result<(), Error> {
        let waiter = self.client.client.wait_until_table_exists().table_name(&self.client.table);
        waiter.wait(MAKING).await.map(drop).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "the lease table was made and is not there")
                .at(self.client.place())
                .cure("try again when it is ACTIVE")
                .because(error)
        })
    }

    async fn all(&self) -> Result<Vec<Lease>, Error> {
        let mut leases = Vec::new();
        let mut from = None::<Item>;
        loop {
            let scan = || {
                let call = self.client.client.scan().table_name(&self.client.table).consistent_read(true);
                let call = call.set_exclusive_start_key(from.clone()).send();
                call.map(|page| page.map_err(|error| self.client.trouble("cannot read the lease table", &error)))
                    .boxed()
            };
            let page = self.retry.call(scan).await.map_err(|trouble| trouble.error)?;
            for item in page.items() {
                leases.extend(self.lease(item)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(leases);
            }
        }
    }

    async fn one(&self, key: &str) -> Result<Option<Lease>, Error> {
        let get = || {
            let call = self.client.client.get_item().table_name(&self.client.table).consistent_read(true);
            let call = call.key(KEY, text(key)).send();
            call.map(|item| item.map_err(|error| self.client.trouble("cannot read a lease", &error))).boxed()
        };
        let answer = self.retry.call(get).await.map_err(|trouble| trouble.error)?;
        answer.item.map_or(Ok(None), |item| self.lease(&item))
    }

    /// What a row says, if it is a lease.
    fn lease(&self, item: &Item) -> Result<Option<Lease>, Error> {
        let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
        if string(ENTITY).is_some_and(|entity| entity != "LEASE") {
            return Ok(None);
        }
        let Some(key) = string(KEY) else { return Ok(None) };
        let wrong = |what: &str| {
            Error::new(ErrorKind::Invalid, format!("a row of the lease table has no {what}"))
                .at(format!("{}, {KEY} {key}", self.client.place()))
                .cure("name a table of the Kinesis Client Library's form, or a new one")
        };
        let counter = number(COUNTER).ok_or_else(|| wrong(COUNTER))?;
        let checkpoint = match string(CHECKPOINT).map(String::as_str) {
            Some(TRIM_HORIZON) => Checkpoint::TrimHorizon,
            Some(LATEST) => Checkpoint::Latest,
            Some(AT_TIMESTAMP) => Checkpoint::AtTimestamp,
            Some(SHARD_END) => Checkpoint::End,
            Some(sequence) => {
                let sub_sequence = match item.get(SUB_SEQUENCE) {
                    Some(_) => number(SUB_SEQUENCE).ok_or_else(|| wrong("sub-sequence number that is a number"))?,
                    None => 0,
                };
                let position = Position::from_digits(sequence, sub_sequence);
                Checkpoint::At(position.map_err(|error| wrong("checkpoint that is a sequence number").because(error))?)
            }
            None => return Err(wrong(CHECKPOINT)),
        };
        Ok(Some(Lease { key: key.clone(), owner: string(OWNER).cloned(), counter, checkpoint }))
    }

    /// Makes a row; `false` if it is there.
    async fn create(&self, shard: &Shard, checkpoint: &Checkpoint) -> Result<bool, Trouble> {
        let (sequence, sub_sequence) = written(checkpoint);
        let mut item = Item::from([
            (KEY.to_owned(), text(&shard.key)),
            (COUNTER.to_owned(), number(0)),
            (CHECKPOINT.to_owned(), text(sequence)),
            (SUB_SEQUENCE.to_owned(), number(sub_sequence)),
            ("ownerSwitchesSinceCheckpoint".to_owned(), number(0)),
        ]);
        if !shard.parents.is_empty() {
            item.insert("parentShardId".to_owned(), AttributeValue::Ss(shard.parents.clone()));
        }
        if let Some((first, last)) = shard.range {
            item.insert("startingHashKey".to_owned(), text(first.to_string()));
            item.insert("endingHashKey".to_owned(), text(last.to_string()));
        }
        let put = || {
            let call = self.client.client.put_item().table_name(&self.client.table).set_item(Some(item.clone()));
            call.condition_expression("attribute_not_exists(leaseKey)")
                .send()
                .map(|answer| self.happened(answer, PutItemError::is_conditional_check_failed_exception))
                .boxed()
        };
        self.retry.call(put).await
    }

    /// Changes a row; `false` if it is not as the condition says.
    async fn update(&self, key: &str, update: Update) -> Result<bool, Trouble> {
        let call = || {
            let call = self.client.client.update_item().table_name(&self.client.table).key(KEY, text(key));
            let call = call.condition_expression(update.condition).update_expression(&update.change);
            call.set_expression_attribute_values(Some(update.values.clone()))
                .send()
                .map(|answer| self.happened(answer, UpdateItemError::is_conditional_check_failed_exception))
                .boxed()
        };
        self.retry.call(call).await
    }

    /// Removes a row; `false` if its counter is another, or it is not there.
    async fn remove(&self, key: &str, counter: u64) -> Result<bool, Trouble> {
        let delete = || {
            let call = self.client.client.delete_item().table_name(&self.client.table).key(KEY, text(key));
            let call =
                call.condition_expression("leaseCounter = :n").expression_attribute_values(":n", number(counter));
            call.send()
                .map(|answer| self.happened(answer, DeleteItemError::is_conditional_check_failed_exception))
                .boxed()
        };
        self.retry.call(delete).await
    }

    /// Whether a conditional write was done: not if its condition did not hold.
    fn happened<T, E>(&self, answer: Result<T, SdkError<E>>, refused: fn(&E) -> bool) -> Result<bool, Trouble>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(refused) => Ok(false),
            Err(error) => Err(self.client.trouble("cannot write a lease", &error)),
        }
    }
}

/// A conditional change of a row.
struct Update {
    condition: &'static str,
    change: String,
    values: Item,
}

impl Update {
    /// If the counter is `counter`, which then counts up.
    fn counted(
        condition: &'static str,
        counter: u64,
        change: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Self {
        let counters = [(":n", number(counter)), (":next", number(counter + 1))];
        let values = counters.into_iter().chain(values).map(|(name, value)| (name.to_owned(), value)).collect();
        Self { condition, change: format!("SET leaseCounter = :next{change}"), values }
    }

    fn renew(counter: u64) -> Self {
        Self::counted("leaseCounter = :n AND attribute_not_exists(checkpointOwner)", counter, "", [])
    }

    fn take(counter: u64, switched: bool, worker: &str) -> Self {
        let change = if switched {
            ", leaseOwner = :me REMOVE checkpointOwner ADD ownerSwitchesSinceCheckpoint :one"
        } else {
            ", leaseOwner = :me REMOVE checkpointOwner"
        };
        let one = switched.then(|| (":one", number(1)));
        Self::counted("leaseCounter = :n", counter, change, [(":me", text(worker))].into_iter().chain(one))
    }

    fn evict(worker: &str) -> Self {
        Self {
            condition: "leaseOwner = :me",
            change: "REMOVE leaseOwner ADD leaseCounter :one".to_owned(),
            values: Item::from([(":me".to_owned(), text(worker)), (":one".to_owned(), number(1))]),
        }
    }

    fn checkpoint(counter: u64, to: &Checkpoint, children: &[String]) -> Self {
        let (sequence, sub_sequence) = written(to);
        let children = (!children.is_empty()).then(|| (":children", AttributeValue::Ss(children.to_vec())));
        let named = if children.is_some() { ", childShardIds = :children" } else { "" };
        let change = format!(
            ", checkpoint = :to, checkpointSubSequenceNumber = :sub, ownerSwitchesSinceCheckpoint = :zero{named} \
             REMOVE pendingCheckpoint, pendingCheckpointSubSequenceNumber, pendingCheckpointState"
        );
        let values = [(":to", text(sequence)), (":sub", number(sub_sequence)), (":zero", number(0))];
        Self::counted("leaseCounter = :n", counter, &change, values.into_iter().chain(children))
    }
}

impl LeaseTable for DynamoDbTable {
    fn uri(&self) -> String {
        format!("dynamodb:{}", self.client.table)
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            if !self.is_there().await.map_err(|trouble| trouble.error)? {
                tracing::info!(table = self.client.table, "making the lease table");
                self.make().await.map_err(|trouble| trouble.error)?;
            }
            self.wait().await
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Lease>, Error>> {
        Box::pin(self.all())
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Lease>, Error>> {
        Box::pin(self.one(key))
    }

    fn write<'a>(&'a self, key: &'a str, change: &'a Change, worker: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let written = match change {
                Change::Create(shard, checkpoint) => self.create(shard, checkpoint).await,
                Change::Remove(counter) => self.remove(key, *counter).await,
                Change::Renew(counter) => self.update(key, Update::renew(*counter)).await,
                Change::Take(counter, switched) => self.update(key, Update::take(*counter, *switched, worker)).await,
                Change::Evict => self.update(key, Update::evict(worker)).await,
                Change::Checkpoint(counter, to, children) => {
                    self.update(key, Update::checkpoint(*counter, to, children)).await
                }
            };
            written.map_err(|trouble| trouble.error)
        })
    }
}

/// A checkpoint as it stands in the table, and its index within a sequence number.
fn written(checkpoint: &Checkpoint) -> (String, u64) {
    match checkpoint {
        Checkpoint::TrimHorizon => (TRIM_HORIZON.to_owned(), 0),
        Checkpoint::Latest => (LATEST.to_owned(), 0),
        Checkpoint::AtTimestamp => (AT_TIMESTAMP.to_owned(), 0),
        Checkpoint::End => (SHARD_END.to_owned(), 0),
        Checkpoint::At(position) => (position.major_digits(), position.minor()),
    }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
