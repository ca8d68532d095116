//! `up` on a small checkout of its own: what changed is deployed, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use tidegate_cli::config;
use tidegate_cli::deployment::access_of;
use tidegate_cli::output::Progress;
use tidegate_local::{StandinChoice, State, StateDir, UpOptions};
use tidegate_operations::aws;

use crate::stack::Stack;

const DEPLOYMENT: &str = "tidegate-small";
/// A function, and an export that the other template imports. What the function does is of no account: it is never called.
const FIRST: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Deployment:
    Type: String
  Greeting:
    Type: String
    Default: hello
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }]
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${Deployment}-one"
      Role: !GetAtt Role.Arn
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: ../build/lambda/one
      Environment: { Variables: { GREETING: !Ref Greeting } }
Outputs:
  Function:
    Value: !GetAtt Function.Arn
    Export: { Name: !Sub "${Deployment}-Function" }
"#;
const SECOND: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Deployment:
    Type: String
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub "${Deployment}-two"
      DisplayName: !ImportValue { "Fn::Sub": "${Deployment}-Function" }
"#;
/// There is no such role, which shows only when the policy is created.
const BROKEN: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Deployment:
    Type: String
Resources:
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: nothing
      Roles: [nobody]
      PolicyDocument: { Version: "2012-10-17", Statement: [] }
"#;

pub(crate) async fn a_change_is_deployed_and_nothing_else(stack: Arc<Stack>) -> Result<()> {
    let small = Small::new(&stack)?;
    let outcome = small.changes().await;
    tidegate_local::down(&small.options.state).await?;
    outcome
}

struct Small {
    options: UpOptions,
    checkout: PathBuf,
}

impl Small {
    fn new(stack: &Stack) -> Result<Self> {
        let root = stack.small();
        let checkout = root.join("checkout");
        fs::create_dir_all(checkout.join("infra"))?;
        fs::create_dir_all(checkout.join("build/lambda/one"))?;
        let options = UpOptions {
            checkout: checkout.clone(),
            tools: config::tools_dir(&stack.checkout),
            state: StateDir::new(root),
            deployment: DEPLOYMENT.to_owned(),
            region: stack.state.region.clone(),
            endpoint: None,
            functions_endpoint: None,
            standin: StandinChoice::Running { url: stack.slack_url.clone() },
        };
        Ok(Self { options, checkout })
    }

    async fn changes(&self) -> Result<()> {
        self.template("first", FIRST)?;
        self.template("second", SECOND)?;
        self.code("one")?;
        assert_eq!(self.up().await?, ["tidegate-small-first", "tidegate-small-second"]);
        assert_eq!(self.up().await?, [""; 0], "nothing changed");

        let before = self.function().await?;
        self.code("another")?;
        assert_eq!(self.up().await?, ["tidegate-small-first"]);
        let after = self.function().await?;
        assert_ne!(before.digest, after.digest);
        assert_eq!(before.environment, after.environment);

        self.template("first", &FIRST.replace("Default: hello", "Default: ahoy"))?;
        self.template("second", &SECOND.replace("-two", "-three"))?;
        assert_eq!(self.up().await?, ["tidegate-small-first", "tidegate-small-second"]);
        let kept = self.function().await?;
        assert_eq!((&kept.digest, kept.greeting()), (&after.digest, Some("hello")), "a stack keeps its parameters");

        self.template("third", BROKEN)?;
        let Err(error) = self.up().await else { bail!("there is no such role") };
        let error = format!("{error:#}");
        let reason =
            "tidegate-small-third could not be deployed: it is DELETE_COMPLETE: Policy: The role with name nobody";
        ensure!(error.contains(reason), "{error}");
        assert_eq!(self.function().await?.digest, after.digest, "what ran goes on");
        self.template("third", &SECOND.replace("-two", "-four"))?;
        assert_eq!(self.up().await?, ["tidegate-small-third"], "its name is free");
        Ok(())
    }

    async fn up(&self) -> Result<Vec<String>> {
        let seed = async |_: &State| Ok(());
        let (up, ()) = tidegate_local::up(&self.options, &Progress::silent(), std::future::pending(), seed).await?;
        Ok(up.deployed)
    }

    fn template(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.checkout.join(format!("infra/{name}.yaml")), text)?)
    }

    fn code(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.checkout.join("build/lambda/one/bootstrap"), text)?)
    }

    async fn function(&self) -> Result<Function> {
        let state = self.options.state.load()?.context("nothing is up")?;
        let sdk = aws::load(&access_of(&state, &state.endpoint)).await;
        let name = format!("{DEPLOYMENT}-one");
        let found = aws_sdk_lambda::Client::new(&sdk).get_function_configuration().function_name(name).send().await?;
        let environment = found.environment.and_then(|environment| environment.variables).unwrap_or_default();
        Ok(Function { digest: found.code_sha256, environment: environment.into_iter().collect() })
    }
}

#[derive(Debug)]
struct Function {
    digest: Option<String>,
    environment: BTreeMap<String, String>,
}

impl Function {
    fn greeting(&self) -> Option<&str> {
        self.environment.get("GREETING").map(String::as_str)
    }
}
